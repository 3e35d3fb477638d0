"""Commands about model plugins."""

from __future__ import annotations

from typing import Any

import click

from segbench.cli.options import pairs, size
from segbench.errors import PluginError


def asking(command: Any) -> Any:
    """Options of how a model is asked."""
    for option in reversed(_ASKING):
        command = option(command)
    return command


_ASKING = (
    click.option(
        "--prompts", metavar="P",
        help='Of a model that is told in words what to find: "categories", or a TOML of "name" = "text".',
    ),
    click.option("--window", metavar="HxW", callback=size, help="Ask a semantic model in windows: 512x512."),
    click.option("--stride", metavar="HxW", callback=size, help="From window to window; default: 2/3 of it."),
    click.option(
        "--flip", "flips", multiple=True, type=click.Choice(["horizontal", "vertical", "both"]),
        help="Ask a semantic model for mirrored images too; may be repeated.",
    ),
)  # fmt: skip


@click.command()
def models() -> None:
    """List installed model plugins, importing none."""
    from segbench.models import ADAPTERS, list_models

    installed = list_models()
    for entry in installed:
        click.echo(f"{entry.name}  ({entry.distribution})")
    above = "the name of a plugin above, or one of" if installed else "(no plugin is installed) one of"
    click.echo(f"MODEL is {above}: " + ", ".join(f"{scheme}:…" for scheme in ["preds", *ADAPTERS]))


@click.command()
@click.argument("model")
@click.option("--device", metavar="D", default="auto", show_default=True, help="cpu, cuda, cuda:1 or auto.")
@click.option("--dtype", metavar="T", help="float32, float16 or bfloat16; by default as the model is stored.")
@click.option("--unsafe-pickle", is_flag=True, help="Let weights be unpickled, which runs code in them.")
@click.option("--trust-remote-code", is_flag=True, help="Let code of hf:NAME@COMMIT run.")
@click.option(
    "--batch", metavar="N", type=click.IntRange(2), default=3, show_default=True,
    help="Images that are asked together.",
)  # fmt: skip
@pairs("--model-option", "the adapter of MODEL, or argument of its class, such as threshold=0.5")
def doctor(model: str, batch: int, **how: Any) -> None:
    """See whether a model plugin behaves.

    Asks it for pictures of odd sizes and kinds, for the same ones again, in a batch and from two threads, and
    reads each answer as a run would. Ends with exit code 4 at a fault; a note says what scores may depend on.
    """
    from segbench.canonical.categories import Categories, Category
    from segbench.models import Setup, load_model
    from segbench.models.doctor import examine
    from segbench.models.prompts import NAMES, is_open, told
    from segbench.models.setup import place

    setup = Setup(**how)
    plugin = load_model(model, setup)
    if is_open(plugin):
        told(plugin, NAMES, Categories([Category(id=0, name="object"), Category(id=1, name="background")]))
    placed = place(plugin, setup)
    info = plugin.info
    click.echo(f"{info.name}: {', '.join(info.tasks)}, {len(info.id2label)} categories, on {placed.device}")
    faults = 0
    for finding in examine(plugin, batch):
        click.echo(str(finding))
        faults += finding.verdict == "fault"
    if faults:
        raise PluginError(f"{info.name} misbehaves: {faults} of the checks above found a fault")
