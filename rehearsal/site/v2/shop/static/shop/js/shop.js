/* release v2 */
document.addEventListener("DOMContentLoaded", function () {
  document.querySelectorAll("main a").forEach(function (link) {
    link.addEventListener("mouseover", function () {
      link.title = "Have a closer look";
    });
  });
});
