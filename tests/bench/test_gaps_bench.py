"""The tables of reconstruct --repair: a row a case, and the mean of each kind of damage over what is known."""

from gaps import Result, report


def result(clip: str, damage: str, adjacency: float, made_psnr: float | None) -> Result:
    made = 0 if made_psnr is None else 4
    psnr = (made_psnr, None, made_psnr and made_psnr - 2, made_psnr and made_psnr - 1)
    return Result(clip, damage, 4, (0.5, adjacency), (1.0, 1.0), 1.0, made / 4, made, *psnr)


def test_each_damage_has_its_own_mean_and_what_was_never_made_is_no_zero() -> None:
    told = report([result("a", "tears", 0.8, 30.0), result("b", "tears", 1.0, None), result("a", "grey", 0.7, 20.0)])
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in told.splitlines()[2:]]
    assert [row[:2] for row in rows] == [
        ["a", "tears"],
        ["b", "tears"],
        ["a", "grey"],
        ["**mean**", "tears"],
        ["**mean**", "grey"],
    ]
    assert rows[3][2:] == [
        "8",
        "**0.500**",
        "**0.900**",
        "**1.000**",
        "**0.500**",
        "4",
        "**30.0**",
        "**28.0**",
        "**29.0**",
    ]
    assert rows[1][-3:] == ["", "", ""]
