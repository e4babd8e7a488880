"""Pages about workspaces: the way in, settings, members, invitations."""
