"""Label Studio's labelling configuration: the labels with their colours."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, SubElement, indent, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from segbench.canonical.categories import Categories, Category
from segbench.canonical.colors import from_hex, to_hex
from segbench.errors import DataError
from segbench.formats.pictures import read_text
from segbench.formats.xml_file import check_text

CONFIG = "config.xml"
TOOLS = {"brush": "BrushLabels", "polygon": "PolygonLabels", "rectangle": "RectangleLabels"}
"""Name of a control of the configuration: its tag."""


def read_config(file: Path) -> tuple[str, Categories]:
    """Return the text of a configuration, and the labels that it names, in order.

    Raises
    ------
    DataError
        When it is no XML, or declares a document type or entities.
    """
    text = read_text(file)
    try:
        root = fromstring(text, forbid_dtd=True)
    except DefusedXmlException:
        raise DataError("declares a document type or entities, which are not read", file=file) from None
    except (ParseError, ValueError, LookupError) as error:
        raise DataError(f"is no well-formed XML: {error}", file=file) from None
    colors: dict[str, tuple[int, int, int] | None] = {}
    for parent in root.iter():
        for label in parent.findall("Label") if str(parent.tag).endswith("Labels") else ():
            colors.setdefault(label.get("value", ""), from_hex(label.get("background", "")))
    return text, Categories(Category(id=i, name=n, color=c) for i, (n, c) in enumerate(colors.items()))


def config_text(categories: Categories) -> str:
    """Return a configuration with these labels for brushes, polygons and boxes.

    Raises
    ------
    DataError
        When a name has a character that XML cannot hold.
    """
    view = Element("View")
    SubElement(view, "Image", name="image", value="$image", zoom="true")
    for name, tag in TOOLS.items():
        control = SubElement(view, tag, name=name, toName="image")
        for category in categories:
            label = SubElement(control, "Label", value=check_text(category.name, field="categories"))
            if category.color is not None:
                label.set("background", to_hex(category.color))
    indent(view)
    return tostring(view, encoding="unicode") + "\n"
