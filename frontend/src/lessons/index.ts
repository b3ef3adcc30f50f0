// Entry point of the lessons.
export {};
