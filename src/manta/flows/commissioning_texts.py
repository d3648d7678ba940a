"""What to do about each fault that commissioning can find, in the languages of the page."""

from __future__ import annotations

from collections.abc import Mapping

from manta.domain.commissioning import Fault
from manta.twin.texts import Language

REMEDIES: Mapping[Fault, Mapping[Language, str]] = {
    Fault.NO_ANSWER: {
        Language.EN: (
            "It does not answer. Check its power, its address and port, that Modbus or its API "
            "is enabled, and that no other client holds its one connection."
        ),
        Language.ZH: (
            "设备无应答。请检查供电、地址与端口、是否已启用 Modbus 或接口,以及是否被其他客户端占用唯一连接。"
        ),
    },
    Fault.NOTHING_MEASURED: {
        Language.EN: (
            "It answers, but tells no battery power or no grid power. Connect its meter, or "
            "choose the driver that fits the model."
        ),
        Language.ZH: "设备有应答,但未提供电池功率或并网功率。请接好电表,或选择与型号相符的驱动。",
    },
    Fault.OTHER_DEVICE: {
        Language.EN: (
            "Its serial number is not the one that was entered. Correct the entry, or the "
            "address: it may be the neighbor's."
        ),
        Language.ZH: "序列号与登记不符。请更正登记或地址:可能连到了别处的设备。",
    },
    Fault.READ_ALONE: {
        Language.EN: (
            "It cannot be commanded through this driver. Enroll it as read-only, or use the "
            "vendor's other interface."
        ),
        Language.ZH: "该驱动无法下发指令。请以只读方式接入,或使用厂商的其他接口。",
    },
    Fault.REMOTE_BARRED: {
        Language.EN: (
            "It does not let itself be commanded from outside. Have the installer allow remote control."
        ),
        Language.ZH: "设备未允许远程控制。请安装人员开启远程控制。",
    },
    Fault.RATING_DIFFERS: {
        Language.EN: (
            "Its plate differs from what was entered by more than a fifth. Correct the entry, "
            "or check which device this is."
        ),
        Language.ZH: "铭牌与登记相差超过五分之一。请更正登记,或确认设备身份。",
    },
    Fault.CLOCK_WRONG: {
        Language.EN: (
            "Its clock is off by {skew_s:.0f} s. Set its time and zone, and switch on its time server."
        ),
        Language.ZH: "设备时钟偏差 {skew_s:.0f} 秒。请设置时间与时区,并开启对时。",
    },
    Fault.TOO_SLOW: {
        Language.EN: (
            "It took {wait_s:.1f} s to answer. Prefer a cable to Wi-Fi, and its own port to the dongle."
        ),
        Language.ZH: "应答耗时 {wait_s:.1f} 秒。请优先使用网线及设备自带接口。",
    },
    Fault.SIGN_INVERTED: {
        Language.EN: (
            "The sign of one power is turned: {part}. Turn the clamp of that meter, or set its direction."
        ),
        Language.ZH: "功率符号相反:{part}。请调转对应互感器,或设置其方向。",
    },
    Fault.UNBALANCED: {
        Language.EN: (
            "The site does not add up: {residual_kw:.2f} kW is left over. Look for a circuit "
            "that is not metered, or a meter of another site."
        ),
        Language.ZH: "现场功率不平衡,偏差 {residual_kw:.2f} kW。请检查未计量的回路,或电表属于其他现场。",
    },
    Fault.NO_ROOM: {
        Language.EN: (
            "The test has no room now: the battery is too full or too empty, or too little is "
            "exported. Try again later."
        ),
        Language.ZH: "目前无法测试:电池过满或过空,或出口功率太小。请稍后再试。",
    },
    Fault.REFUSED: {
        Language.EN: "It refused the command: {because}. Check its mode and its permissions.",
        Language.ZH: "设备拒绝指令:{because}。请检查运行模式与权限。",
    },
    Fault.DOES_NOTHING: {
        Language.EN: (
            "It acknowledges the command and nothing moves. Check that external control is "
            "allowed, that no other controller overrides it, and its firmware."
        ),
        Language.ZH: (
            "设备确认了指令但功率不变。请检查是否允许外部控制、是否被其他控制器覆盖,以及固件版本。"
        ),
    },
    Fault.FALLS_SHORT: {
        Language.EN: (
            "It does only part of what it was told. Look for a limit in its settings, cold "
            "cells or a smaller rating."
        ),
        Language.ZH: "设备只执行了部分指令。请检查设置中的限制、电芯温度或较小的额定值。",
    },
    Fault.POWER_SCALE: {
        Language.EN: (
            "It does a multiple of what it was told. The scale of its power is mistaken for "
            "this firmware: do not use it until the driver is corrected."
        ),
        Language.ZH: "设备执行的功率是指令的数倍。该固件的功率比例有误:驱动更正前请勿使用。",
    },
    Fault.COMMAND_INVERTED: {
        Language.EN: (
            "It charges when told to discharge. The sign of its commands is turned for this "
            "firmware: do not use it until the driver is corrected."
        ),
        Language.ZH: "令其放电时却充电。该固件的指令符号相反:驱动更正前请勿使用。",
    },
    Fault.METER_INVERTED: {
        Language.EN: "The meter moves against the battery. Turn its clamp, or set its direction.",
        Language.ZH: "电表读数与电池变化方向相反。请调转互感器,或设置其方向。",
    },
    Fault.METER_ELSEWHERE: {
        Language.EN: (
            "The battery moved and the meter did not see it. The meter is another site's or "
            "sits behind another circuit: find the right one."
        ),
        Language.ZH: "电池动作而电表未见变化。该电表属于其他现场或其他回路,请找到正确的电表。",
    },
    Fault.BATTERY_UNSEEN: {
        Language.EN: (
            "The meter saw the battery move, its own reading did not. Check the link between "
            "inverter and battery."
        ),
        Language.ZH: "电表测到电池动作,而电池自身读数未变。请检查逆变器与电池的通信。",
    },
    Fault.LIMIT_SCALE: {
        Language.EN: (
            "The export limit is heard on another scale. Probe its scale again for this "
            "firmware; no limit is sent until it is known."
        ),
        Language.ZH: "出口限额的比例有误。请针对该固件重新探测比例;确认之前不下发限额。",
    },
    Fault.LIMIT_IGNORED: {
        Language.EN: (
            "More is exported than the limit permits. Switch on the export limit in its "
            "settings, and check that it hears the right meter."
        ),
        Language.ZH: "出口功率超过限额。请在设置中启用出口限制,并确认其使用正确的电表。",
    },
    Fault.DEFAULT_NOT_KEPT: {
        Language.EN: (
            "Left alone it does not go back to its default. Set its mode to self-consumption "
            "by hand, and do not use it until it does."
        ),
        Language.ZH: "停止指令后设备未恢复默认状态。请手动设为自发自用,恢复正常前请勿使用。",
    },
}


def remedy(fault: Fault, evidence: Mapping[str, float | str], language: Language) -> str:
    """Return what to do about a fault; what the evidence does not tell is left as a question mark."""
    return REMEDIES[fault][language].format_map(_Known(evidence))


class _Known(dict[str, float | str]):
    def __missing__(self, name: str) -> _Untold:
        return _Untold()


class _Untold:
    """Prints as a question mark, however a number would have been printed."""

    def __format__(self, spec: str) -> str:
        return "?"
