"""Choose hands of the three sources by the rules of a policy, and write their pictures and a manifest."""
