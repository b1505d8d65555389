"""HaWoR: HaMeR's network with attention over the frames of a video; here it sees one picture as 16 equal frames."""
