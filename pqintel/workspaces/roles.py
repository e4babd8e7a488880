"""Who may do what in a workspace. The matrix stands in docs/permissions.md and is tested against it."""

from enum import StrEnum


class Role(StrEnum):
    """A member's role, weakest first."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"
    OWNER = "owner"

    @property
    def label(self) -> str:
        return self.value.title()

    @property
    def rank(self) -> int:
        return list(Role).index(self)


class Permission(StrEnum):
    """What a view needs; each is held by one role and all above it."""

    SEE = "see"
    WORK = "work"
    CONFIGURE = "configure"
    OWN = "own"


LEAST_ROLE: dict[Permission, Role] = {
    Permission.SEE: Role.VIEWER,
    Permission.WORK: Role.MEMBER,
    Permission.CONFIGURE: Role.ADMIN,
    Permission.OWN: Role.OWNER,
}


def may(role: Role | str, permission: Permission) -> bool:
    """Whether a member with this role may do what the permission names."""
    return Role(role).rank >= LEAST_ROLE[permission].rank
