"""``spectui calibrate``: train the head by which SpecBranch foresees what the target will accept."""
