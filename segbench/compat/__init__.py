"""Drop-ins for the field's reference evaluators over our kernels: ``pycocotools`` and ``panopticapi``.

Import them in the place of the originals, or let scripts that cannot be changed import them by
:func:`segbench.compat.pycocotools.patch` and :func:`segbench.compat.panopticapi.patch`.
"""
