"""What ``hint studio serve`` adds to the labelling page: bones, names of joints, and marks for their states."""
