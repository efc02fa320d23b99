"""Hook specifications, discovery and the registry of components."""

from posegen.plugins.build import build, component_config, validate
from posegen.plugins.components import Component, PluginRecord, Registry
from posegen.plugins.discovery import discover, registry

__all__ = [
    "Component",
    "PluginRecord",
    "Registry",
    "build",
    "component_config",
    "discover",
    "registry",
    "validate",
]
