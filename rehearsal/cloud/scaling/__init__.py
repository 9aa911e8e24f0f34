"""EC2 Auto Scaling, our own: groups that observe, launch, replace, rebalance and terminate as AWS documents it."""
