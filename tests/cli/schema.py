"""Checks a document against a JSON schema, as far as docs/*.schema.json use the language; refuses words it does not
know, so that none is passed over."""
import re

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
PROSE = {"$schema", "$defs", "title", "description"}


def is_type(value, name):
    if name in ("number", "integer"):
        return isinstance(value, (int, float)) and not isinstance(value, bool) and (
            name == "number" or value == int(value))
    return isinstance(value, TYPES[name])


def errors(value, schema, root=None, at="document"):
    """Yields "where: what" for each violation."""
    root = root or schema
    for word, rule in schema.items():
        if word == "$ref":
            yield from errors(value, root["$defs"][rule.removeprefix("#/$defs/")], root, at)
        elif word == "type":
            if not any(is_type(value, t) for t in (rule if isinstance(rule, list) else [rule])):
                yield f"{at}: {value!r} is no {rule}"
        elif word == "const":
            if value != rule:
                yield f"{at}: {value!r} is not {rule!r}"
        elif word == "enum":
            if value not in rule:
                yield f"{at}: {value!r} is none of {rule}"
        elif word == "pattern":
            if isinstance(value, str) and not re.search(rule, value):
                yield f"{at}: {value!r} does not match {rule}"
        elif word == "minimum":
            if is_type(value, "number") and value < rule:
                yield f"{at}: {value!r} is under {rule}"
        elif word == "required":
            yield from (f"{at}: no {name}" for name in rule if isinstance(value, dict) and name not in value)
        elif word == "properties":
            for name, part in rule.items():
                if isinstance(value, dict) and name in value:
                    yield from errors(value[name], part, root, f"{at}.{name}")
        elif word == "additionalProperties":
            if isinstance(value, dict) and rule is False:
                yield from (f"{at}: {name} is not described" for name in value if name not in schema["properties"])
        elif word == "items":
            if isinstance(value, list):
                for i, item in enumerate(value):
                    yield from errors(item, rule, root, f"{at}[{i}]")
        elif word not in PROSE:
            raise ValueError(f"{word}: a word that this checker does not know")
