"""Two functions that a model may call, with their schemas: what `functions_streamed.py` and
`functions_polled.py` offer. The weather is made up; a real program would ask somebody.
"""

import json
from typing import Any

TEMPERATURES = {"Oslo": 4, "Rome": 19}
RAIN = {"Oslo": 0.7, "Rome": 0.1}


def temperature(city: str, unit: str = "Celsius") -> str:
    """How warm it is in a city."""
    degrees = TEMPERATURES[city]
    return f"{degrees} °C" if unit == "Celsius" else f"{degrees * 9 / 5 + 32:.0f} °F"


def rain_probability(city: str) -> str:
    """How likely rain is in a city, from 0 to 1."""
    return str(RAIN[city])


def call(name: str, arguments: str) -> str:
    """What a function answers. Name and arguments are the model's: it is told what was wrong with them."""
    functions = {"temperature": temperature, "rain_probability": rain_probability}
    try:
        return functions[name](**json.loads(arguments))
    except (KeyError, TypeError, ValueError) as error:
        return f"That can't be answered: {error!r}"


def _tool(name: str, description: str, **more: Any) -> Any:
    city = {"type": "string", "description": "The city's name, such as Oslo"}
    parameters = {
        "type": "object",
        "properties": {"city": city, **more},
        "required": ["city", *more],
        "additionalProperties": False,
    }
    function = {"name": name, "description": description, "parameters": parameters, "strict": True}
    return {"type": "function", "function": function}


TOOLS = [
    _tool(
        "temperature",
        "How warm it is in a city now",
        unit={"type": "string", "enum": ["Celsius", "Fahrenheit"]},
    ),
    _tool("rain_probability", "How likely rain is in a city today, from 0 to 1"),
]
