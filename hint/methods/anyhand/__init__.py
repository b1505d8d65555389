"""AnyHand's weights of HaMeR and WiLoR, trained along with its synthetic hands; the networks are the same."""
