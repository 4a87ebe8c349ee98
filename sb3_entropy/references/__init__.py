"""What a policy is drawn towards, or driven away from: the uniform policy, policies before, a frozen one."""

from sb3_entropy.references.base import Reference, make_reference

__all__ = ["Reference", "make_reference"]
