"""
What a cluster costs: the prices of AWS by region in prices/, and an estimate from the model.

Pure but for `python -m cost refresh`, which reads AWS's public price list.
"""
