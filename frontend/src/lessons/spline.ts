// Lesson 1: what a B-spline is.
import { figure, say, step } from "./kit.ts";
import { SplineFigure } from "./splineFigure.ts";

export function splineLesson(): HTMLElement[] {
  const made = (tryThis: string, options: ConstructorParameters<typeof SplineFigure>[0]): HTMLElement =>
    figure(tryThis, new SplineFigure(options).element);
  return [
    say(
      "A KAN learns *curves*. It needs a way to write any smooth curve with a handful of numbers, so that moving one number " +
        "bends the curve a little, in one place. That way is the B-spline.",
      { class: "lead" },
    ),
    step(
      "A row of small hills",
      say("Cut the interval from −1 to 1 into equal pieces. The cuts are called *knots*. Over the knots stands a row of identical hills, the *basis functions*."),
      say("Each hill covers four pieces and is exactly zero everywhere else. Some reach beyond the ends, so that every piece is covered alike."),
      made("move the slider, or press a hill. The shaded band is all that one hill covers.", { one: true }),
    ),
    step(
      "Stretch the hills, add them up",
      say("Multiply every hill by a number, its *weight*, and add the results. The sum is the spline. A network that learns this curve learns nothing but these weights."),
      say("The curve follows the weights like a ribbon follows pegs: near them, seldom through them."),
      made("drag a peg up or down. Only the shaded part of the blue curve moves. This is *locality*: what is learned here does no harm there.", {
        weights: true, start: [0.2, -0.6, 0.9, 1.2, -0.3, -0.9, 0.5, 0.8],
      }),
    ),
    step(
      "The hills share everything",
      say("At any x inside the interval only four hills are above zero, and their heights add up to exactly 1. So the curve at x is an *average* of four weights."),
      say("That is why a spline never runs away between its weights, and why equal weights give a flat line."),
      made("slide x along. The heights change, their sum does not.", { at: true }),
    ),
    step(
      "Degree: how smooth",
      say("Each hill is glued together from polynomials. Their degree says how smoothly the pieces meet. Degree 0 gives steps, 1 gives corners; with degree 3 you cannot see where the pieces meet."),
      say("The lower picture is the slope. It is a spline too, one degree lower, made from differences of neighbouring weights."),
      made("go from degree 0 to 5. A hill of degree k covers k + 1 pieces, so higher degrees are smoother and less local.", {
        weights: true, degree: true, derivative: true, start: [0.2, -0.6, 0.9, 1.2, -0.3, -0.9, 0.5, 0.8],
      }),
    ),
    step(
      "Knots: how fine",
      say("More intervals mean more hills, and finer detail: G intervals and degree k make G + k weights. The intervals need not be equal. Knots can crowd where the curve is busy or where the data are."),
      made("go from 5 to 10 intervals: the same curve, twice as many pegs, and each of them moves less of it. Then bunch the knots and watch the hills crowd to the left.", {
        weights: true, knots: true, start: [0.2, -0.6, 0.9, 1.2, -0.3, -0.9, 0.5, 0.8],
      }),
    ),
    step(
      "In a KAN",
      say("Every edge of a KAN carries one such curve, and beside it a fixed smooth function with a weight of its own: `w · silu(x) + Σ wᵢ Bᵢ(x)`. The nodes only add."),
      say("Where the data end, edgewise lets value and slope go on in a straight line, so that a prediction outside does not drop to zero."),
    ),
  ];
}
