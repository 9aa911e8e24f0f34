import logo from "./logo.svg"; export const show = () => { document.body.dataset.logo = logo; };
