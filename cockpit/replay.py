"""A recording on the trade screen: the same panes over another source. Nothing here can reach a venue."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cockpit.travel import Traveller
from cockpit.view import View
from engine.journal.recording import Recording
from engine.model.errors import CockpitError
from engine.model.events import Action
from engine.model.settings import Profile, ScreenSettings
from engine.replay.bookmarks import Bookmarks
from engine.replay.cursor import Replay, refers
from engine.replay.goto import GotoError, place
from engine.replay.verify import config_of

if TYPE_CHECKING:
    from engine.runner.referred import Referred

SMALLEST = (40, 10)


class ReplaySource:
    """Views of a recording at its cursor; commands are refused."""

    def __init__(self, travel: Traveller, profile: Profile) -> None:
        self.travel: Traveller | None = travel
        self._travel, self._profile = travel, profile

    def view(self) -> View:
        travel = self._travel
        return View(travel.state, travel.t, self._profile, self._profile.symbols[0], "replay", strip=travel.strip())

    def command(self, action: Action, target: str = "", text: str = "", by: str = "key") -> None:  # noqa: ARG002
        """CockpitError, always."""
        raise CockpitError(f"this is a recording: {action} {target} was not done".replace("  ", " "))

    @property
    def recording(self) -> Path:
        return self._travel.replay.recording.path

    @property
    def bookmarks(self) -> Bookmarks:
        return self._travel.bookmarks

    def begin(self) -> Traveller:
        return self._travel

    def return_to_live(self) -> bool:
        return False


def replay_of(path: Path, home: Path | None = None) -> tuple[Replay, str]:
    """A cursor over a recording, with the market where that lies elsewhere (a backtest's); and why it could not be had.

    RecordingError for a file that is no readable recording.
    """
    recording = Recording.open(path)
    if not refers(recording):
        return Replay(recording), ""
    market, remark = market_of(recording, home)
    return Replay(recording, market), remark


def market_of(recording: Recording, home: Path | None = None) -> tuple[Referred | None, str]:
    """The market that a recording refers to, with the store of the home that it lies in; and why it could not be had."""
    from engine.data.load import candles_from
    from engine.model.market import MINUTE_NS
    from engine.ops import paths
    from engine.runner.referred import Data, referred

    beside = recording.path.absolute().parent
    place = paths.Home(beside.parent) if beside.name == "sessions" and home is None else paths.home(home)

    def read(data: Data) -> object:
        if not data.source:
            raise CockpitError("the recording does not say where its data was read")
        return candles_from(data.source, place, data.first_t, data.last_t + MINUTE_NS).candles

    return referred(recording, read)


def opened(
    path: Path,
    at: str = "",
    speed: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    *,
    survey: bool = True,
    home: Path | None = None,
    running: bool = False,
) -> Traveller:
    """The cursor of a recording, on its way to ``at`` (default: the end); ``survey`` fills its timeline, ``running`` is one
    that is still being written.

    RecordingError, or CockpitError for no such place.
    """
    replay, remark = replay_of(path, home)
    travel = Traveller(replay, clock, running=running)
    travel.note = remark
    try:
        if survey:
            travel.look_around()
        travel.to(*(place_of(travel.replay, at) if at else (travel.replay.last.seq, None)))
    except BaseException:
        travel.close()
        raise
    if speed is not None:
        travel.player.set_speed(speed)
    return travel


def parse(replay: Replay, at: str) -> int:
    """Number of the event that ``at`` means. CockpitError where it names no place."""
    return place_of(replay, at)[0]


def place_of(replay: Replay, at: str) -> tuple[int, int | None]:
    """The same, with the time where that lies between two events of a recording that shows it. CockpitError."""
    try:
        return place(replay, at)
    except GotoError as error:
        raise CockpitError(str(error)) from error


def profile_of(recording: Recording, screen: ScreenSettings | None = None) -> Profile:
    """The recorded profile, with ``screen`` as the person at this terminal has it. RecordingError."""
    profile = config_of(recording).profile
    mine = screen or msgspec.structs.replace(profile.screen, keymap={})
    return msgspec.structs.replace(profile, screen=msgspec.structs.replace(mine, timeframe=profile.screen.timeframe))


def own_screen(home: Path | None) -> ScreenSettings | None:
    """Theme and keys of this person's own demo profile; None where it cannot be read."""
    from engine.ops import config, paths

    try:
        return config.load("demo", paths.home(home)).profile.screen
    except CockpitError:
        return None


def open_screen(path: Path, at: str, speed: float | None, home: Path | None, *, follow: bool = False) -> int:
    """Show a recording until it is left; returns the exit code. With ``follow`` also what is still being written to it.

    Raises CockpitError.
    """
    size = shutil.get_terminal_size()
    if size.columns < SMALLEST[0] or size.lines < SMALLEST[1]:
        raise CockpitError(f"the terminal is too small: it has {size.columns}×{size.lines}, good is 80×24 or more")
    from cockpit.app import CLOCK, CockpitApp
    from cockpit.follow import FollowSource

    travel = opened(path, at, speed, CLOCK, survey=not follow, home=home, running=follow)
    try:
        profile = profile_of(travel.replay.recording, own_screen(home))
        app = CockpitApp(profile, (FollowSource if follow else ReplaySource)(travel, profile))
        app.run()
        if app.return_code:
            raise CockpitError("the screen died", str(path), "the recording is untouched")
        return 0
    finally:
        travel.close()
