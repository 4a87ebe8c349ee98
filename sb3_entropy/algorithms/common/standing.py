def replaced(thing: object) -> list[str]:
    """:return: methods of its class in whose place it has something else"""
    return [name for name in vars(thing) if callable(getattr(type(thing), name, None))]
