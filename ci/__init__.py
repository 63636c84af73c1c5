"""
What a pipeline runs beside `pulumi`: a kubeconfig without a secret in the log, outputs as JSON.

The platforms' own files are in the folders beside these modules.
"""
