"""Suggests a known policy for the name of an unknown one."""

from imagesetter.flux.markers import PolicyName
from krm_functions.suggestions import KnownNames


class KnownPolicies:
    """The policies of a catalog, by name."""

    def __init__(self, names: list[PolicyName]) -> None:
        self.names = names
        self.by_name: dict[str, list[PolicyName]] = {}
        for each in names:
            self.by_name.setdefault(each.name, []).append(each)
        self.known = KnownNames(self.by_name)
        self.resolved: dict[PolicyName, PolicyName | None] = {}

    def closest_to(self, name: PolicyName) -> PolicyName | None:
        """The policy with the most similar name, preferably in the same namespace; None if none is similar.

        Policies share a namespace, which would make any two of them alike, so only names are compared.
        """
        if name not in self.resolved:  # several rules ask about the same marker
            close = self.known.close_to(name.name)
            meant = self.by_name[close[0]] if close else []
            same = (each for each in meant if each.namespace == name.namespace)
            self.resolved[name] = next(same, meant[0] if meant else None)
        return self.resolved[name]
