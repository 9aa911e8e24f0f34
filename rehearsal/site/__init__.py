"""The small shop that the rehearsal deploys: two releases as file trees, and the git repository made of them."""
