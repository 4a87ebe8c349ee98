"""The quadrotor in MuJoCo's language, of primitives."""

from sb3_entropy_quadrotor.parameters import GRAVITY, Airframe

#: seconds a physics step
TIMESTEP = 0.004
#: physics steps a control step, which is 0.02 s
SUBSTEPS = 5
CONTROL_STEP = SUBSTEPS * TIMESTEP


def flight_model(airframe: Airframe, ideal: bool, motor_time: float) -> str:
    """
    What is simulated: a free body without geometry. Contacts are off, since touching the ground ends an episode, and
    MuJoCo does not put a diverged state back by itself.

    :param airframe: the quadrotor
    :param ideal: whether the controls are the wrench (F, τx, τy, τz) in N and N m, not the four thrusts in N
    :param motor_time: time constant of the thrusts in s; exact for a command that is held (``filterexact``); 0: none
    :return: an MJCF document
    """
    moments = " ".join(map(repr, airframe.inertia))
    if ideal:
        sites = '<site name="centre"/>'
        gears = ["0 0 1 0 0 0", "0 0 0 1 0 0", "0 0 0 0 1 0", "0 0 0 0 0 1"]
        actuators = "".join(f'<general site="centre" gear="{gear}"/>' for gear in gears)
    else:
        lag = f'dyntype="filterexact" dynprm="{motor_time!r}"' if motor_time > 0 else ""
        sites = "".join(f'<site name="rotor{i}" pos="{x!r} {y!r} 0"/>' for i, (x, y, _) in enumerate(airframe.rotors))
        actuators = "".join(
            f'<general site="rotor{i}" gear="0 0 1 0 0 {s * airframe.torque_ratio!r}" {lag}/>'
            for i, (_, _, s) in enumerate(airframe.rotors)
        )
    return f"""<mujoco model="quadrotor">
  <option timestep="{TIMESTEP}" gravity="0 0 {-GRAVITY}" integrator="Euler">
    <flag contact="disable" constraint="disable" autoreset="disable"/>
  </option>
  <worldbody>
    <body name="quadrotor">
      <freejoint/>
      <inertial pos="0 0 0" mass="{airframe.mass!r}" diaginertia="{moments}"/>
      {sites}
    </body>
  </worldbody>
  <actuator>{actuators}</actuator>
</mujoco>"""


def picture_model(arm: float, width: int, height: int) -> str:
    """
    What is drawn: the quadrotor, its front rotors red, and the target, a green ball.

    :param arm: from the centre to a rotor, in m
    :param width: of the picture, in pixels
    :param height: of the picture, in pixels
    :return: an MJCF document
    """
    d = arm / 2**0.5
    rotors = "".join(
        f'<geom type="cylinder" size="{0.5 * arm} {0.04 * arm}" pos="{x} {y} {0.12 * arm}" rgba="{colour} 0.9"/>'
        f'<geom type="capsule" size="{0.07 * arm}" fromto="0 0 0 {x} {y} 0" rgba="0.15 0.15 0.18 1"/>'
        for x, y, colour in (
            (d, -d, "0.85 0.25 0.2"),
            (-d, -d, "0.3 0.35 0.45"),
            (-d, d, "0.3 0.35 0.45"),
            (d, d, "0.85 0.25 0.2"),
        )
    )
    return f"""<mujoco model="quadrotor in a picture">
  <visual>
    <global offwidth="{width}" offheight="{height}"/>
    <headlight ambient="0.5 0.5 0.5" diffuse="0.5 0.5 0.5"/>
    <map znear="0.01"/>
  </visual>
  <statistic extent="2" center="0 0 1"/>
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" rgb1=".85 .9 .96" rgb2=".98 .98 .98" width="64" height="384"/>
    <texture name="tiles" type="2d" builtin="checker" rgb1=".9 .9 .88" rgb2=".82 .83 .82" width="128" height="128"/>
    <material name="tiles" texture="tiles" texrepeat="2 2" texuniform="true"/>
  </asset>
  <worldbody>
    <light pos="0 0 6" dir="0 0 -1" castshadow="false"/>
    <geom type="plane" size="0 0 1" material="tiles"/>
    <body name="quadrotor" mocap="true">
      <geom type="box" size="{0.35 * arm} {0.25 * arm} {0.12 * arm}" rgba="0.15 0.15 0.18 1"/>
      {rotors}
    </body>
    <body name="target" mocap="true">
      <geom type="sphere" size="{0.35 * arm}" rgba="0.25 0.65 0.3 0.6"/>
    </body>
  </worldbody>
</mujoco>"""
