"""Networks of deep methods: one file each, and what they share. All of it needs torch.

The records are in the files of the methods, which import these when a method is loaded.
"""
