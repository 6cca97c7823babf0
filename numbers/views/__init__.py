"""The pages. Function views: each shows its whole control flow on one screen."""
