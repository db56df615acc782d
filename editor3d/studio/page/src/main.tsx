import { render } from "preact";
import { App } from "./app";
import { begin } from "./store";
import "./style.css";

const root = document.getElementById("studio");
if (root) render(<App />, root);
void begin();
