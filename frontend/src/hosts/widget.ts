// Entry point of the notebook widget (anywidget).
export { mountExplorer } from "../app/main.ts";
