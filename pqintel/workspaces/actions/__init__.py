"""All writes to workspaces, their members and their invitations."""
