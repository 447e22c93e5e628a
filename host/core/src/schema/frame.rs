//! A tree of groups laid out flat, in which conditions are resolved to indices and put in an order to evaluate them.
//!
//! The module's settings are one frame; the groups that are items of a list or map are frames of their own, because
//! every item has its own siblings. Conditions look at siblings in their frame or at settings of the module's frame.

use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
    sync::Arc,
};

use serde_json::Value;

use super::{
    budget::Budget,
    condition::{Condition, Effect, Subject, Test},
    limits,
    problem::{Problems, SchemaCode},
    shape::{Group, Setting, Shape},
};

/// By the index of the item's type.
pub(super) type Frames = HashMap<u32, Frame>;

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) nodes: Vec<Node>,
    pub(super) group: Arc<Shape>,
    pub(super) top: Range<usize>,
    /// All nodes; each after those that its visibility and value depend on.
    pub(super) order: Vec<usize>,
    /// What evaluating all conditions costs.
    pub(super) weight: usize,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) setting: Arc<Setting>,
    pub(super) parent: Option<usize>,
    pub(super) children: Range<usize>,
    pub(super) visible: Vec<Rule>,
    pub(super) required: Vec<Rule>,
    pub(super) allowed: Vec<(Rule, Arc<[Value]>)>,
}

/// All of these must hold.
pub(super) type Rule = Vec<(Place, Arc<[Value]>)>;

#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Here(usize),
    Root(usize),
    Target,
}

impl Budget {
    fn spend(&mut self, setting: &Setting) -> Option<()> {
        let values = |condition: &Condition| {
            let allowed = if let Effect::Allowed(values) = &condition.effect { values.len() } else { 0 };
            allowed + condition.when.iter().map(|test| test.any_of.len()).sum::<usize>()
        };
        let tests: usize = setting.conditions.iter().map(values).sum();
        self.settings = self.settings.checked_sub(1)?;
        self.tests = self.tests.checked_sub(tests)?;
        Some(())
    }
}

impl Frame {
    /// `root`: the module's frame, unless this is going to be it.
    pub(super) fn build(problems: &mut Problems, place: &str, group: &Arc<Shape>, root: Option<&Self>) -> Option<Self> {
        let Shape::Group(top) = group.as_ref() else { return None };
        let mut frame = Self { nodes: Vec::new(), group: group.clone(), top: 0..0, order: Vec::new(), weight: 0 };
        let before = problems.budget.tests;
        if frame.expand(top, &mut problems.budget).is_none() {
            let message = format!(
                "has more than {} settings or {} compared values, counting shared types at every use, together with the \
                 other modules of its component",
                limits::EXPANDED_SETTINGS,
                limits::EXPANDED_TESTS
            );
            problems.push(place, SchemaCode::Limit, message);
            return None;
        }
        frame.weight = frame.nodes.len() + before.saturating_sub(problems.budget.tests);
        frame.resolve(root);
        frame.sort(problems, place)?;
        Some(frame)
    }

    fn expand(&mut self, top: &Group, budget: &mut Budget) -> Option<()> {
        self.top = self.append(top, None, budget)?;
        let mut index = 0;
        while let Some(node) = self.nodes.get(index) {
            let setting = node.setting.clone();
            if let Shape::Group(group) = setting.shape.as_ref() {
                let children = self.append(group, Some(index), budget)?;
                if let Some(node) = self.nodes.get_mut(index) {
                    node.children = children;
                }
            }
            index += 1;
        }
        Some(())
    }

    fn append(&mut self, group: &Group, parent: Option<usize>, budget: &mut Budget) -> Option<Range<usize>> {
        let start = self.nodes.len();
        for setting in group.settings.values() {
            budget.spend(setting)?;
            self.nodes.push(Node {
                setting: setting.clone(),
                parent,
                children: 0..0,
                visible: Vec::new(),
                required: Vec::new(),
                allowed: Vec::new(),
            });
        }
        Some(start..self.nodes.len())
    }

    fn resolve(&mut self, root: Option<&Self>) {
        for index in 0..self.nodes.len() {
            let Some(node) = self.nodes.get(index) else { continue };
            let (setting, parent) = (node.setting.clone(), node.parent);
            let (mut visible, mut required, mut allowed) = (Vec::new(), Vec::new(), Vec::new());
            for condition in &setting.conditions {
                // A subject that isn't there was a problem already.
                let Some(rule) = condition.when.iter().map(|test| self.place(test, parent, root)).collect() else {
                    continue;
                };
                match &condition.effect {
                    Effect::Visible => visible.push(rule),
                    Effect::Required => required.push(rule),
                    Effect::Allowed(values) => allowed.push((rule, values.clone())),
                }
            }
            if let Some(node) = self.nodes.get_mut(index) {
                (node.visible, node.required, node.allowed) = (visible, required, allowed);
            }
        }
    }

    fn place(&self, test: &Test, parent: Option<usize>, root: Option<&Self>) -> Option<(Place, Arc<[Value]>)> {
        let place = match &test.subject {
            Subject::Target => Place::Target,
            Subject::Sibling(key) => Place::Here(self.child(parent, key)?),
            Subject::Absolute(path) => match root {
                Some(root) => Place::Root(root.find(path)?),
                None => Place::Here(self.find(path)?),
            },
        };
        Some((place, test.any_of.clone()))
    }

    fn child(&self, parent: Option<usize>, key: &str) -> Option<usize> {
        let (shape, children) = match parent {
            Some(parent) => {
                let node = self.nodes.get(parent)?;
                (node.setting.shape.as_ref(), &node.children)
            }
            None => (self.group.as_ref(), &self.top),
        };
        let Shape::Group(group) = shape else { return None };
        Some(children.start + group.settings.get_index_of(key)?)
    }

    fn find(&self, path: &[String]) -> Option<usize> {
        path.iter().try_fold(None, |parent, key| self.child(parent, key).map(Some)).flatten()
    }

    fn dependencies(&self, node: &Node) -> Vec<usize> {
        // Whether a group that isn't stored is there at all depends on whether it is required.
        let implied = matches!(node.setting.shape.as_ref(), Shape::Group(_)) && node.setting.default.is_none();
        let required = node.required.iter().filter(|_| implied);
        let tests = node.visible.iter().chain(required).flatten();
        let subjects = tests.filter_map(|(place, _)| if let Place::Here(index) = place { Some(*index) } else { None });
        node.parent.into_iter().chain(subjects).collect()
    }

    fn sort(&mut self, problems: &mut Problems, place: &str) -> Option<()> {
        let mut dependents = vec![Vec::new(); self.nodes.len()];
        let mut open: Vec<usize> = vec![0; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            for dependency in self.dependencies(node) {
                dependents.get_mut(dependency)?.push(index);
                *open.get_mut(index)? += 1;
            }
        }
        let mut ready: VecDeque<usize> =
            open.iter().enumerate().filter(|(_, open)| **open == 0).map(|(index, _)| index).collect();
        while let Some(index) = ready.pop_front() {
            self.order.push(index);
            for &dependent in dependents.get(index)? {
                let open = open.get_mut(dependent)?;
                *open -= 1;
                if *open == 0 {
                    ready.push_back(dependent);
                }
            }
        }
        if self.order.len() == self.nodes.len() {
            return Some(());
        }
        let circle = self.circle(&open).join("` → `");
        let message = format!("conditions depend on each other in a circle: `{circle}`");
        problems.push(place, SchemaCode::Condition, message);
        None
    }

    /// One circle among the nodes that wait for others.
    fn circle(&self, open: &[usize]) -> Vec<String> {
        let waits = |index: &usize| open.get(*index).is_some_and(|open| *open > 0);
        let mut walked: Vec<usize> = Vec::new();
        let mut next = (0..self.nodes.len()).find(waits);
        while let Some(index) = next {
            if let Some(start) = walked.iter().position(|earlier| *earlier == index) {
                let members = walked.iter().skip(start).chain([&index]);
                return members.take(limits::TYPE_DEPTH).map(|index| self.path(*index)).collect();
            }
            walked.push(index);
            next = self.nodes.get(index).and_then(|node| self.dependencies(node).into_iter().find(waits));
        }
        Vec::new()
    }

    fn path(&self, index: usize) -> String {
        let chain = std::iter::successors(self.nodes.get(index), |node| self.nodes.get(node.parent?));
        let mut keys: Vec<&str> = chain.map(|node| node.setting.key.as_str()).collect();
        keys.reverse();
        format!("/{}", keys.join("/"))
    }
}
