import torch

from pretrain.model.encoder import build_encoder
from pretrain.model.teacher import Teacher
from tests.pretrain.model.small import SETTINGS


def test_the_average_has_its_closed_form() -> None:
    """Against a student that stands still: teacher = student + decay^n (start - student)."""
    start = build_encoder(SETTINGS, seed=0).context
    student = build_encoder(SETTINGS, seed=1).context
    teacher = Teacher(start)
    for _ in range(20):
        teacher.follow(student, 0.9)
    parameters = zip(
        teacher.network.parameters(), start.parameters(), student.parameters(), strict=True
    )
    for ours, first, last in parameters:
        torch.testing.assert_close(ours, last + 0.9**20 * (first - last), rtol=1e-5, atol=1e-6)


def test_the_average_of_a_moving_student_has_its_closed_form() -> None:
    student = build_encoder(SETTINGS, seed=0).context
    teacher = Teacher(student)
    name = "transformer.layers.0.ffn.inner_proj.bias"
    bias = student.get_parameter(name)
    values = [1.0, -2.0, 4.0]
    decays = [0.5, 0.8, 0.9]
    for value, decay in zip(values, decays, strict=True):
        with torch.no_grad():
            bias.fill_(value)
        teacher.follow(student, decay)
    # ((0 x 0.5 + 1 x 0.5) x 0.8 - 2 x 0.2) x 0.9 + 4 x 0.1
    expected = torch.full_like(bias, ((0.5 * 0.8) - 0.4) * 0.9 + 0.4)
    torch.testing.assert_close(teacher.network.get_parameter(name), expected)


def test_the_teacher_is_a_copy_in_eval_mode_without_gradient() -> None:
    student = build_encoder(SETTINGS, seed=0).context.train()
    teacher = Teacher(student).train()
    assert not any(module.training for module in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert all(parameter.requires_grad for parameter in student.parameters())
    ours = {parameter.data_ptr() for parameter in teacher.parameters()}
    assert ours.isdisjoint(parameter.data_ptr() for parameter in student.parameters())
    assert len(teacher.state_dict()) == len(student.state_dict())


def test_no_gradient_passes_through_the_teacher() -> None:
    teacher = Teacher(build_encoder(SETTINGS, seed=0).context)
    x = torch.randn(1, 10, SETTINGS.model_dim, requires_grad=True)
    out = teacher(x, torch.ones(1, 10, dtype=torch.bool), return_ffn=True)
    assert not any(state.requires_grad for state in [*out.layers, *out.ffn])
