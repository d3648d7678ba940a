"""What to do about a finding, in the languages of the page; the numbers are the finding's own."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from manta.domain.finding import Finding


class Language(StrEnum):
    """What we speak."""

    EN = "en"
    ZH = "zh"


PARTS: Mapping[Language, Mapping[str, str]] = {
    Language.EN: {"pv": "PV", "battery": "battery", "load": "load", "grid": "grid meter"},
    Language.ZH: {"pv": "光伏", "battery": "电池", "load": "负荷", "grid": "并网电表"},
}

REMEDIES: Mapping[str, Mapping[Language, str]] = {
    "replace_meter_link": {
        Language.EN: (
            "The meter has said {power_kw:.2f} kW for {stuck_hours:.1f} h while the site moved. Check "
            "the meter's cable and bus address, then restart it."
        ),
        Language.ZH: (
            "电表连续 {stuck_hours:.1f} 小时读数为 {power_kw:.2f} kW,而现场功率在变化。请检查电表接线与总"
            "线地址,然后重启电表。"
        ),
    },
    "turn_meter_clamp": {
        Language.EN: (
            "The site adds up only with the grid meter's sign turned ({residual_kw:.2f} kW is left "
            "over). Turn the clamp, or set the meter's direction in the driver."
        ),
        Language.ZH: (
            "只有把并网电表方向取反,现场功率才平衡(偏差 {residual_kw:.2f} kW)。请调转互感器,或在驱动中设"
            "置电表方向。"
        ),
    },
    "invert_sign": {
        Language.EN: (
            "The site adds up only with the sign of the {part} turned ({residual_kw:.2f} kW is left "
            "over). Set its direction in the driver and commission it again."
        ),
        Language.ZH: (
            "只有把{part}的符号取反,现场功率才平衡(偏差 {residual_kw:.2f} kW)。请在驱动中更正方向并重新调试。"
        ),
    },
    "check_wiring": {
        Language.EN: (
            "{residual_kw:.2f} kW is left over on average, {tolerance_kw:.2f} kW is usual. Look for a "
            "circuit or a device that is not metered, or a meter that belongs to another site."
        ),
        Language.ZH: (
            "平均偏差 {residual_kw:.2f} kW,通常应低于 {tolerance_kw:.2f} kW。请检查是否有未计量的回路或设"
            "备,或电表属于其他现场。"
        ),
    },
    "service_inverter": {
        Language.EN: (
            "The inverter loses {lost_kwh:.1f} kWh a day. Check its ventilation, its fans and its "
            "alarms, and have it serviced."
        ),
        Language.ZH: "逆变器每天损失 {lost_kwh:.1f} kWh。请检查通风、风扇与告警,并安排检修。",
    },
    "service_battery": {
        Language.EN: (
            "A round trip returns {efficiency:.0%}; {lost_kwh:.1f} kWh a day are lost. Check for cold or "
            "hot cells and for a parallel load, and call on the warranty."
        ),
        Language.ZH: (
            "电池往返效率为 {efficiency:.0%},每天损失 {lost_kwh:.1f} kWh。请检查电芯温度与并联负载,并申请"
            "质保。"
        ),
    },
    "accept_or_enlarge_inverter": {
        Language.EN: (
            "{lost_kwh:.1f} kWh a day are cut off above {inverter_kw:.1f} kW. A DC-coupled battery could "
            "take them; otherwise it is how the site was planned."
        ),
        Language.ZH: (
            "每天有 {lost_kwh:.1f} kWh 因超过 {inverter_kw:.1f} kW 而被削顶。直流侧电池可吸收该电量,否则"
            "属设计使然。"
        ),
    },
    "charge_before_noon": {
        Language.EN: (
            "{lost_kwh:.1f} kWh are lost at the export limit over {held_hours:.1f} h. Keep room in the "
            "battery until noon, or ask the network for a flexible limit."
        ),
        Language.ZH: (
            "因出口限额在 {held_hours:.1f} 小时内损失 {lost_kwh:.1f} kWh。请在正午前为电池留出空间,或向电"
            "网申请灵活限额。"
        ),
    },
    "report_voltage": {
        Language.EN: (
            "The inverter gives way to high voltage for {held_hours:.1f} h ({lost_kwh:.1f} kWh). Report "
            "it to the network, and check the cable to the switchboard."
        ),
        Language.ZH: (
            "逆变器因电压过高降额 {held_hours:.1f} 小时(损失 {lost_kwh:.1f} kWh)。请报告电网公司,并检查至"
            "配电箱的电缆。"
        ),
    },
    "leave_alone": {
        Language.EN: "{lost_kwh:.1f} kWh were held back on purpose over {held_hours:.1f} h. Leave it alone.",
        Language.ZH: "在 {held_hours:.1f} 小时内按要求限发 {lost_kwh:.1f} kWh,无需处理。",
    },
    "calibrate_soc": {
        Language.EN: (
            "The reported charge strays by {drift_soc:.0%} ({doubtful_kwh:.1f} kWh) from the energy "
            "counted. Charge the battery full once, and let it rest, so that it finds its mark."
        ),
        Language.ZH: (
            "报告的荷电状态与电量累计相差 {drift_soc:.0%}({doubtful_kwh:.1f} kWh)。请将电池充满一次并静置"
            "以校准。"
        ),
    },
    "spare_battery": {
        Language.EN: (
            "The battery ages faster than its warranty. Raise its wear cost or lower its daily cycles, "
            "and check the warranty's terms."
        ),
        Language.ZH: "电池老化快于质保进度。请提高损耗成本或减少每日循环,并核对质保条款。",
    },
    "mend_link": {
        Language.EN: (
            "{heard_share:.0%} of the readings came, the longest silence was {silent_hours:.1f} h. Check "
            "the site's router, signal and power."
        ),
        Language.ZH: (
            "仅收到 {heard_share:.0%} 的读数,最长静默 {silent_hours:.1f} 小时。请检查现场路由器、信号与供电。"
        ),
    },
    "clean_or_test_string": {
        Language.EN: (
            "The {part} makes {share:.0%} of what its neighbors make ({missed_kwh:.1f} kWh a day less). "
            "Look for shade and dirt, then measure its voltage and its fuses."
        ),
        Language.ZH: (
            "{part} 的发电量仅为邻近组串的 {share:.0%}(每天少 {missed_kwh:.1f} kWh)。请检查遮挡与积尘,然"
            "后测量电压与熔断器。"
        ),
    },
}


def remedy(finding: Finding, language: Language) -> str:
    """Return what to do about a finding, with its own numbers in it."""
    part = PARTS[language].get(finding.part, finding.part)
    return REMEDIES[finding.remedy][language].format(part=part, **finding.evidence)
