"""Files for the viewers of others: animations of hands, recordings for rerun, datasets for FiftyOne."""
