"""The page of the studio: talk to a picture, find it again, look at how it was made."""

from agent.web.page.places import add_page

__all__ = ["add_page"]
