"""The stand-in cloud: the AWS API over HTTP, with consequences.

EC2, Elastic Load Balancing, CloudFront, Systems Manager, STS and CloudWatch are moto's where moto is right. Auto Scaling, launch
template versions, images, target health and invalidations are our own: they behave as AWS documents it.
"""
