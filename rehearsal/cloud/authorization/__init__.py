"""IAM for the stand-in cloud: policies, what each API call needs, and whether the policies allow it.

    decision = authorize(policies, "ec2:StopInstances", [arn], {"aws:ResourceTag/ramped:role": "management"})

Sources: IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements"; Service Authorization Reference.
"""
