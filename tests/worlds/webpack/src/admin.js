import { price } from "./price.js"; import "./admin.css"; console.log(price(1));
