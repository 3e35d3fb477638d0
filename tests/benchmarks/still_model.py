"""A model that costs nothing, or the seconds that SLOW says: what is left is the runner."""

import os
import time

import numpy as np

import segbench


class Still:
    """Answers every picture of one size with one map."""

    info = segbench.ModelInfo(name="still", tasks=("semantic",), id2label={i: f"c{i}" for i in range(19)})

    def __init__(self) -> None:
        self.seconds = float(os.environ.get("SLOW", "0"))
        self.maps = {}

    def predict(self, batch: segbench.models.Batch) -> list[np.ndarray]:
        time.sleep(self.seconds * len(batch))
        return [self.map_of(*image.shape[1:]) for image in batch.images]

    def map_of(self, height: int, width: int) -> np.ndarray:
        if (height, width) not in self.maps:
            self.maps[height, width] = (np.arange(height * width) // 997 % 19).reshape(height, width)
        return self.maps[height, width]
