"""The page of the studio: talk to a picture, find it again, look at how it was made."""
