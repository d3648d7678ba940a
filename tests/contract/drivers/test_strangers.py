"""Clients that nobody of ours wrote, on our simulated devices: they read what we say, their writes arrive."""

import asyncio
import os
import subprocess
import textwrap
from pathlib import Path

import pytest
from tests.dumps_of_devices import device_of, modbus_dumps

DUMPS = modbus_dumps()
SEVEN_HUNDREDS = DUMPS["sunspec/SIM-5K-7xx"]
AT_704 = 40_000 + 2 + 68 + 155 + 52 + 19


def words(device, address, count=1):
    return [device.holding[address + n] for n in range(count)]


class TestSungrowModbus:
    """An independent client of Sungrow's hybrids, on another Modbus stack."""

    @pytest.fixture
    def sungrow(self):
        """Every register that the client asks for exists, as in the inverter: what the dump has not is 0."""
        device = device_of(DUMPS["sungrow/SH10RT"])
        device.inputs = dict.fromkeys(range(2_500, 14_000), 0) | device.inputs
        device.holding = dict.fromkeys(range(12_990, 13_120), 0) | device.holding
        device.holding |= dict.fromkeys(range(31_190, 33_300), 0)
        return device

    @pytest.fixture
    def client(self):
        pytest.importorskip("serialx", reason="sungrow-modbus wants modbus-connection[tmodbus]")
        pytest.importorskip("sungrow_modbus")
        from modbus_connection import ModbusTcpParams
        from modbus_connection.tmodbus import ModbusConnection
        from sungrow_modbus.inverter import SungrowInverter

        def connected(port):
            connection = ModbusConnection(ModbusTcpParams(host="127.0.0.1", port=port))
            return connection, SungrowInverter(connection.for_unit(1))

        return connected

    async def test_it_reads_what_we_say(self, sungrow, client):
        async with sungrow.serving() as port:
            connection, inverter = client(port)
            await inverter.async_update_identity()
            await inverter.async_update()
            seen = {
                name: inverter.field(name)
                for name in ("battery_power", "battery_level", "meter_active_power", "total_dc_power")
            }
            model, serial = inverter.model, inverter.serial_number
            await connection.close()
        assert (model, serial) == ("SH10RT", "A2250000001")
        assert seen == pytest.approx(
            {
                "battery_power": 1_500,
                "battery_level": 64.5,
                "meter_active_power": -5_100,
                "total_dc_power": 4_200,
            }
        )

    async def test_what_it_writes_arrives(self, sungrow, client):
        async with sungrow.serving() as port:
            connection, inverter = client(port)
            await inverter.async_update_identity()
            holding = inverter.component("fast_holding")
            await holding.write("ems_mode_selection_raw", 2)
            await holding.write("battery_forced_charge_discharge_power", 2_500)
            await holding.write("battery_forced_charge_discharge_cmd_raw", 0xBB)
            await connection.close()
        assert sungrow.written == [(13049, [2]), (13051, [2_500]), (13050, [0xBB])]


class TestPysunspec2:
    """SunSpec's own client, which blocks and so has a thread."""

    async def test_it_scans_and_reads_scaled_values(self):
        client = pytest.importorskip("sunspec2.modbus.client")

        def look(port):
            device = client.SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr="127.0.0.1", ipport=port)
            device.scan()
            seen = {
                "models": [number for number in device.models if isinstance(number, int)],
                "maker": device.models[1][0].Mn.cvalue,
                "power_w": device.models[701][0].W.cvalue,
                "hz": device.models[701][0].Hz.cvalue,
                "soc": device.models[713][0].SoC.cvalue,
                "ports_w": [port.DCW.cvalue for port in device.models[714][0].Prt],
            }
            device.close()
            return seen

        async with device_of(SEVEN_HUNDREDS).serving() as port:
            seen = await asyncio.to_thread(look, port)
        assert seen == {
            "models": [1, 701, 702, 703, 704, 713, 714],
            "maker": "Manta",
            "power_w": 3_200,
            "hz": pytest.approx(50.01),
            "soc": 50.0,
            "ports_w": [2_000, 1_200],
        }

    async def test_what_it_writes_arrives(self):
        client = pytest.importorskip("sunspec2.modbus.client")

        def order(port):
            device = client.SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr="127.0.0.1", ipport=port)
            device.scan()
            controls = device.models[704][0]
            controls.WSetMod.value, controls.WSetEna.value = 1, 1
            controls.WSet.cvalue, controls.WSetRvrtTms.cvalue = -2_500, 600
            controls.write()
            device.close()

        device = device_of(SEVEN_HUNDREDS)
        async with device.serving() as port:
            await asyncio.to_thread(order, port)
        assert words(device, AT_704 + 24, 2) == [0xFFFF, 0x1_0000 - 2_500]
        assert words(device, AT_704 + 22) == [1]
        assert words(device, AT_704 + 31, 2) == [0, 600]


class TestPy20305:
    """The SunSpec connector of an independent IEEE 2030.5 client."""

    @pytest.fixture
    def connector(self):
        core = pytest.importorskip("py20305.connectors.sunspec_core")

        def connected(port):
            return core.SunSpecModbusConnector(host="127.0.0.1", port=port, scan_retries=1)

        return connected

    async def test_it_reads_what_we_say(self, connector):
        async with device_of(SEVEN_HUNDREDS).serving() as port:
            peer = await asyncio.to_thread(connector, port)
            seen = await peer.fetch_monitoring()
        assert (seen["W"], seen["Hz"]) == (3_200, pytest.approx(50.01))

    async def test_a_generation_limit_of_it_arrives_as_a_share(self, connector):
        device = device_of(SEVEN_HUNDREDS)
        async with device.serving() as port:
            peer = await asyncio.to_thread(connector, port)
            await peer.update_gen_lim({"gen_lim_mode_enable": 1, "gen_lim_w": 2_000})
        assert words(device, AT_704 + 14, 2) == [1, 400]


HUAWEI = textwrap.dedent(
    """
    import asyncio, json, sys
    import huawei_solar
    from huawei_solar import register_names as names, register_values as values

    async def main():
        device = huawei_solar.create_tcp_client("127.0.0.1", port=int(sys.argv[1])).for_unit_id(1)
        wanted = (names.MODEL_NAME, names.RATED_POWER, names.STORAGE_STATE_OF_CAPACITY,
                  names.STORAGE_CHARGE_DISCHARGE_POWER, names.POWER_METER_ACTIVE_POWER)
        print(json.dumps([(await device.get(name)).value for name in wanted]))
        await device.set(names.STORAGE_FORCIBLE_CHARGE_POWER, 2500)
        await device.set(
            names.STORAGE_FORCIBLE_CHARGE_DISCHARGE_WRITE, values.StorageForcibleChargeDischarge.CHARGE
        )

    asyncio.run(main())
    """
)


@pytest.fixture
def huawei_python():
    python = os.environ.get("MANTA_PEER_HUAWEI", "")  # noqa: TID251 - a peer of the tests, no setting
    if not python or not Path(python).exists():
        pytest.skip("MANTA_PEER_HUAWEI names no Python with huawei-solar (AGPL: in a Python of its own)")
    return python


async def test_huawei_solar_reads_what_we_say_and_its_writes_arrive(huawei_python):
    device = device_of(DUMPS["huawei/SUN2000-5KTL-L1"])
    async with device.serving() as port:
        ran = await asyncio.to_thread(
            subprocess.run,
            [huawei_python, "-c", HUAWEI, str(port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr[-2_000:]
    assert '["SUN2000-5KTL-L1", 5000, 55.5, 1200, 1900]' in ran.stdout
    assert device.written == [(47247, [0, 2_500]), (47100, [1])]
