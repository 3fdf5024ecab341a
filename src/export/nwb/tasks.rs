//! Tasks, files and videos of the metadata, as tables in processing modules.

use super::about::numbers;
use super::build::Contents;
use super::table::{Table, texts};
use super::tree::{Data, Group};

impl Contents<'_> {
    /// What the metadata says of tasks, files and videos: tables of texts and numbers.
    pub(super) fn tasks(&self, root: &mut Group) {
        let about = self.about;
        let module = |root: &mut Group, name: &str, what: &str, tables: Vec<(String, Group)>| {
            if tables.is_empty() {
                return;
            }
            let path = format!("/processing/{name}");
            let group = root.at(&format!("processing/{name}"));
            group.attributes = self.described("core", "ProcessingModule", &path, what);
            for (name, table) in tables {
                group.put(&name, table);
            }
        };
        let of = Data::texts;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut tasks = vec![];
        for (i, task) in about.told.tasks.iter().enumerate() {
            let name = format!("task_{i}");
            let path = format!("/processing/tasks/{name}");
            let mut table = Table::new(self, &path, "DynamicTable", "hdmf-common", "a task of the subject");
            table.column("task_name", "the name of the task", of(vec![task.name.clone()]));
            table.column("task_description", "what the task is", of(vec![text(&task.description)]));
            table.column("task_environment", "where it takes place", of(vec![text(&task.environment)]));
            table.column("camera_id", "the cameras that saw it", of(vec![numbers(&task.camera_ids)]));
            table.column("task_epochs", "the epochs in which it took place", of(vec![numbers(&task.epochs)]));
            tasks.push((name, table.finish(1)));
        }
        module(root, "tasks", "tasks of the subject", tasks);
        let mut files = vec![];
        if !about.told.associated_files.is_empty() {
            let path = "/processing/associated_files/associated_files";
            let mut table = Table::new(self, path, "DynamicTable", "hdmf-common", "files that belong to the session");
            table.column(
                "file_name",
                "the name of the file",
                of(texts(&about.told.associated_files, |f| f.name.clone())),
            );
            table.column(
                "file_description",
                "what it is",
                of(texts(&about.told.associated_files, |f| text(&f.description))),
            );
            table.column("path", "where it was", of(texts(&about.told.associated_files, |f| text(&f.path))));
            table.column("task_epochs", "its epochs", of(texts(&about.told.associated_files, |f| numbers(&f.epochs))));
            files.push(("associated_files".to_owned(), table.finish(about.told.associated_files.len())));
        }
        module(root, "associated_files", "files that belong to the session", files);
        let mut videos = vec![];
        if !about.told.associated_videos.is_empty() {
            let path = "/processing/video_files/video_files";
            let mut table = Table::new(self, path, "DynamicTable", "hdmf-common", "videos of the session");
            table.column(
                "file_name",
                "the name of the file",
                of(texts(&about.told.associated_videos, |v| v.name.clone())),
            );
            let cameras = Data::i64s(about.told.associated_videos.iter().map(|v| v.camera_id.unwrap_or(-1)));
            table.column("camera_id", "the camera, -1 if it is not told", cameras);
            table.column("task_epochs", "its epochs", of(texts(&about.told.associated_videos, |v| numbers(&v.epochs))));
            videos.push(("video_files".to_owned(), table.finish(about.told.associated_videos.len())));
        }
        module(root, "video_files", "videos of the session", videos);
    }
}
