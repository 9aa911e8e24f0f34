import "./main.css";
import { price } from "./price.js";
document.title = price(3);
document.addEventListener("click", () => import("./later.js").then((later) => later.show()));
