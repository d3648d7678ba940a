"""A sound day has no findings; each fault that is put into it is found, and nothing else is."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.twin.days import CAPACITY_KWH, NOON, SLOTS, at, but, lived, strings_of

from manta.domain.finding import CurtailmentCause, FindingKind
from manta.twin.columns import FleetDay, Plates
from manta.twin.findings import findings, string_findings
from manta.twin.texts import REMEDIES, Language, remedy

SITE = 3
DAY = slice(0, SLOTS)
POWERS = ("pv_kw", "battery_kw", "load_kw", "grid_kw")
MIDDAY = slice(NOON - 24, NOON + 24)


@pytest.fixture(scope="module")
def sound() -> FleetDay:
    return lived()


def kinds(found):
    return {(finding.site_no, finding.kind, finding.part) for finding in found}


def only(day):
    """The one finding there is."""
    found = findings(day)
    assert len(found) == 1, found
    assert found[0].site_no == SITE
    return found[0]


def test_nothing_is_found_on_a_sound_day(sound):
    assert findings(sound) == []


@pytest.mark.parametrize("part", ["pv", "battery", "load", "grid"])
def test_a_part_with_its_sign_turned_is_named(sound, part):
    found = findings(but(sound, **{f"{part}_kw": at(SITE, DAY, lambda kw: -kw)}))
    wrong = [finding for finding in found if finding.kind is FindingKind.SIGN_INVERTED]
    assert [(finding.site_no, finding.part) for finding in wrong] == [(SITE, part)]
    assert wrong[0].evidence["residual_kw"] > wrong[0].evidence["tolerance_kw"]
    assert wrong[0].daily_aud > 0
    assert {finding.site_no for finding in found} == {SITE}


def test_a_circuit_that_is_not_metered_leaves_the_site_unbalanced_and_blames_no_sign(sound):
    seen = only(but(sound, grid_kw=at(SITE, DAY, lambda kw: kw - 1.0)))
    assert (seen.kind, seen.remedy) == (FindingKind.UNBALANCED, "check_wiring")
    assert seen.evidence["residual_kw"] == pytest.approx(1.0)
    mean_per_mwh = (216 * 100 + 72 * 300) / SLOTS
    assert seen.daily_aud == Decimal(f"{24 * mean_per_mwh / 1000:.2f}")


def test_a_meter_that_stands_still_for_hours_while_the_site_moves_is_stuck(sound):
    seen = only(but(sound, grid_kw=at(SITE, slice(100, 200), 1.234)))
    assert seen.kind is FindingKind.METER_STUCK
    assert seen.evidence["power_kw"] == 1.234
    assert 6.0 < seen.evidence["stuck_hours"] <= 99 / 12
    assert seen.first_seen_at.timestamp() * 1e3 == sound.ends_ms[101]


def test_an_inverter_that_loses_too_much_is_found_with_what_it_loses(sound):
    seen = only(but(sound, dc_kw=at(SITE, DAY, lambda kw: kw * 1.08)))
    assert seen.kind is FindingKind.INVERTER_INEFFICIENT
    assert seen.evidence["efficiency"] == pytest.approx(0.965 / 1.08)
    assert seen.evidence["lost_kwh"] > 1.0


def test_a_round_trip_is_judged_by_counters_and_put_right_for_what_is_left_inside(sound):
    def leaky(counter):
        changed = counter.copy()
        changed[SITE, 1] = changed[SITE, 0] + np.diff(counter)[SITE, 0] * 1.25
        return changed

    seen = [f for f in findings(but(sound, charged_kwh=leaky)) if f.kind is FindingKind.BATTERY_INEFFICIENT]
    assert [finding.site_no for finding in seen] == [SITE]
    assert 0.6 < seen[0].evidence["efficiency"] < 0.8


def test_pv_that_stands_at_its_inverters_rating_is_clipping(sound):
    plates = Plates(**{name: getattr(sound.plates, name).copy() for name in Plates.__slots__})
    plates.inverter_kw[SITE] = 3.0

    def clipped(kw):
        changed = kw.copy()
        changed[SITE] = np.minimum(kw[SITE], 3.0)
        return changed

    lost = but(sound, pv_kw=clipped, dc_kw=clipped, plates=lambda _: plates)
    lost = but(lost, grid_kw=lambda kw: kw - (sound.pv_kw - lost.pv_kw))
    seen = only(lost)
    assert seen.kind is FindingKind.CLIPPING
    missing_kwh = ((sound.clear_sky_kw - lost.pv_kw)[SITE] * (lost.pv_kw[SITE] >= 0.985 * 3.0)).sum() / 12
    assert seen.evidence["lost_kwh"] == pytest.approx(missing_kwh)


def held(sound, to=1.0):
    """PV held at a power over midday, the site adding up all the same."""
    day = but(sound, pv_kw=at(SITE, MIDDAY, to))
    return but(day, grid_kw=lambda kw: kw - (sound.pv_kw - day.pv_kw), dc_kw=lambda _: day.pv_kw / 0.965)


@pytest.mark.parametrize(
    ("cause", "columns"),
    [
        (CurtailmentCause.VOLTAGE, {"voltage_v": at(SITE, MIDDAY, 256.0)}),
        (CurtailmentCause.FREQUENCY, {"frequency_hz": at(SITE, MIDDAY, 50.6)}),
        (CurtailmentCause.PRICE, {"held_back": at(SITE, MIDDAY, True)}),
        (CurtailmentCause.INVERTER, {}),
    ],
)
def test_pv_that_is_held_back_is_told_with_its_cause(sound, cause, columns):
    seen = only(but(held(sound), **columns))
    assert (seen.kind, seen.part) == (FindingKind.CURTAILED, cause)
    assert seen.evidence["held_hours"] >= 3.0
    assert seen.first_seen_at.timestamp() * 1e3 in sound.ends_ms[MIDDAY]


def test_pv_that_ends_at_the_export_limit_is_told_with_that_cause(sound):
    flat = held(sound)
    limit = at(SITE, MIDDAY, flat.grid_kw[SITE, MIDDAY])
    battery = {"battery_kw": at(SITE, MIDDAY, lambda kw: np.minimum(kw, 0.0))}
    seen = [f for f in findings(but(flat, limit_kw=limit, **battery)) if f.kind is FindingKind.CURTAILED]
    assert ("export_limit", SITE) in {(finding.part, finding.site_no) for finding in seen}


def test_a_cloud_is_no_curtailment(sound):
    flicker = 0.4 + 0.2 * np.random.default_rng(1).random(48)
    day = but(sound, pv_kw=at(SITE, MIDDAY, lambda kw: kw * flicker))
    day = but(day, grid_kw=lambda kw: kw - (sound.pv_kw - day.pv_kw), dc_kw=lambda _: day.pv_kw / 0.965)
    assert findings(day) == []


def test_a_charge_that_strays_from_the_energy_counted_is_drift(sound):
    slipping = np.minimum(np.arange(SLOTS) / SLOTS, 0.5) * 0.3
    found = findings(but(sound, soc=at(SITE, DAY, lambda soc: soc - slipping)))
    drift = [finding for finding in found if finding.kind is FindingKind.SOC_DRIFT]
    assert [finding.site_no for finding in drift] == [SITE]
    assert 0.08 < drift[0].evidence["drift_soc"] < 0.2
    assert drift[0].evidence["doubtful_kwh"] == pytest.approx(drift[0].evidence["drift_soc"] * CAPACITY_KWH)


def test_a_battery_that_outruns_its_warranty_or_fades_fast_is_worn(sound):
    used = but(sound, discharged_kwh=lambda kwh: kwh + (np.arange(8) == SITE)[:, None] * 9_000.0)
    seen = only(used)
    assert seen.kind is FindingKind.BATTERY_WORN
    assert seen.evidence["pace_share"] > 1.2
    fading = but(sound, health_soh=lambda soh: at(SITE, slice(0, 90), np.linspace(1.0, 0.97, 90))(soh))
    assert only(fading).evidence["yearly_share"] == pytest.approx(0.03 / 89 * 365.25)


def test_a_site_that_falls_silent_costs_what_its_battery_could_have_sold(sound):
    away = slice(230, 260)
    silent = but(
        sound,
        heard=at(SITE, away, 0.0),
        **{name: at(SITE, away, np.nan) for name in (*POWERS, "soc", "dc_kw")},
    )
    found = [finding for finding in findings(silent) if finding.kind is FindingKind.SILENT]
    assert [finding.site_no for finding in found] == [SITE]
    assert found[0].evidence["silent_hours"] == pytest.approx(2.5)
    assert found[0].daily_aud == Decimal("2.50")  # 12.5 kWh × $200/MWh above the middling slot


def test_a_weak_string_is_found_against_its_neighbors_under_the_same_clouds(sound):
    shares = np.ones(16)
    shares[2 * SITE + 1] = 0.6
    found = string_findings(strings_of(sound, shares), sound)
    assert kinds(found) == {(SITE, FindingKind.STRING_WEAK, "string2")}
    assert found[0].evidence["share"] == pytest.approx(0.6, abs=0.03)


def test_strings_that_are_all_alike_under_clouds_are_not_weak(sound):
    assert string_findings(strings_of(sound, np.full(16, 0.5)), sound) == []


def test_what_nobody_knows_is_no_finding(sound):
    unknown = but(
        sound,
        **{name: lambda kw: np.full_like(kw, np.nan) for name in POWERS},
        **{
            name: lambda kw: np.full_like(kw, np.nan)
            for name in ("soc", "dc_kw", "voltage_v", "frequency_hz")
        },
        **{name: lambda kwh: np.full_like(kwh, np.nan) for name in ("charged_kwh", "discharged_kwh")},
        health_soh=lambda soh: np.full_like(soh, np.nan),
    )
    assert findings(unknown) == []


def test_every_remedy_can_be_said_in_both_languages_with_its_numbers(sound):
    turned = but(sound, grid_kw=at(SITE, DAY, lambda kw: -kw), heard=at(5, DAY, 0.5))
    shares = np.ones(16)
    shares[0] = 0.3
    found = findings(turned) + string_findings(strings_of(sound, shares), sound)
    assert len(found) == 3
    for finding in found:
        texts = {language: remedy(finding, language) for language in Language}
        assert texts[Language.EN] != texts[Language.ZH]
        assert "{" not in "".join(texts.values())
    assert all(set(texts) == set(Language) for texts in REMEDIES.values())


def test_days_whose_columns_do_not_fit_together_are_refused(sound):
    with pytest.raises(ValueError, match="load_kw is"):
        but(sound, load_kw=lambda kw: kw[:, :-1])
    with pytest.raises(ValueError, match="all of one length"):
        but(sound, ends_ms=lambda ms: ms + (np.arange(SLOTS) == 5))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 7), min_size=1, max_size=30), st.integers(1, 9))
def test_what_is_found_at_a_site_does_not_hang_on_its_company(rows, block):
    day = but(lived(), grid_kw=at(SITE, DAY, lambda kw: -kw), heard=at(5, DAY, 0.5))
    alone = {finding.site_no: finding for finding in findings(day)}
    crowd = next(but_rows(day, rows).blocks(len(rows)))
    found = [finding for part in crowd.blocks(block) for finding in findings(part)]
    assert [finding for finding in found if finding.site_no == 5] == [alone[5]] * rows.count(5)
    assert [finding for finding in found if finding.site_no == SITE] == [alone[SITE]] * rows.count(SITE)
    assert {finding.site_no for finding in found} <= {SITE, 5}


def but_rows(day, rows):
    columns = {
        name: getattr(day, name)[rows] for name in FleetDay.__slots__ if name not in ("ends_ms", "plates")
    }
    plates = Plates(**{name: getattr(day.plates, name)[rows] for name in Plates.__slots__})
    return FleetDay(ends_ms=day.ends_ms, plates=plates, **columns)
