/* release v1 */
document.addEventListener("DOMContentLoaded", function () {
  document.querySelectorAll("main a").forEach(function (link) {
    link.addEventListener("mouseover", function () {
      link.title = "Have a look";
    });
  });
});
