// The lessons: one page, one lesson at a time, chosen by what follows # in the address.
import { button, fillWith, h } from "../app/dom.ts";
import { Theme } from "../app/theme.ts";
import { gridLesson } from "./grid.ts";
import { namingLesson } from "./naming.ts";
import { splineLesson } from "./spline.ts";
import { trainingLesson } from "./training.ts";

const LESSONS: readonly (readonly [name: string, title: string, make: () => HTMLElement[]])[] = [
  ["spline", "What a B-spline is", splineLesson],
  ["training", "A KAN learns a curve", trainingLesson],
  ["grid", "Finer grids", gridLesson],
  ["naming", "From network to formula", namingLesson],
];

/** Build the lessons in `root` and open one of them; the first if there is none of that name. */
export function mountLesson(root: HTMLElement, name: string | null): void {
  root.classList.add("edgewise-explorer", "ew", "lessons");
  const theme = new Theme(root, () => {});
  const article = h("article", { tabindex: -1 });
  const links = LESSONS.map(([own, title], n) => h("a", { href: `#${own}` }, `${n + 1} ${title}`));
  const toggle = button("◐", () => theme.toggle(), { "aria-label": "Light or dark", title: "Light or dark" });
  fillWith(root, h("div", { class: "ex" }, h("header", { class: "top" }, h("nav", { "aria-label": "Lessons" }, ...links), toggle), article));
  const open = (wanted: string, moveFocus: boolean): void => {
    const at = Math.max(0, LESSONS.findIndex(([own]) => own === wanted));
    const [, title, make] = LESSONS[at];
    document.title = `${title} · edgewise`;
    links.forEach((link, n) => (n === at ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current")));
    const next = LESSONS[at + 1];
    fillWith(article, h("h1", {}, title), ...make(), h("p", { class: "next" }, next ? h("a", { href: `#${next[0]}` }, `Next: ${next[1]} →`) : "That was the last lesson."));
    if (moveFocus) {
      scrollTo(0, 0);
      article.focus();
    }
  };
  addEventListener("hashchange", () => open(location.hash.slice(1), true));
  open(location.hash.slice(1) || (name ?? ""), false);
}

const place = document.getElementById("edgewise-explorer");
const payload = document.getElementById("edgewise-payload");
if (place && payload) mountLesson(place, (JSON.parse(payload.textContent ?? "null") as { lesson?: string } | null)?.lesson ?? null);
