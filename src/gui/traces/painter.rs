//! The traces on the GPU: one paint callback, one instanced draw a lane.
//!
//! The buffers of a [`Packed`] go up once; a frame writes 96 bytes a lane. The vertex stage reads instance buffers and
//! one small uniform only, so that it runs on the GLES fallback as well. The same buffer is bound at neighbouring
//! offsets: that is how a column sees the ones before and after it.

use std::collections::HashMap;
use std::sync::Arc;

use eframe::egui::{Color32, Context, Id, PaintCallbackInfo, Rect, Shape};
use eframe::egui_wgpu::{Callback, CallbackResources, CallbackTrait, RenderState, ScreenDescriptor};
use eframe::wgpu;

use super::packed::{Packed, VALUE_BYTES};
use super::{Picture, PixelLane, Style};

/// Bytes of a column's place: two `f32` and the flags.
const MARK_BYTES: usize = 12;
/// Bytes of a lane's uniforms, and how far apart they lie (the largest alignment that wgpu asks of any device).
const LANE_BYTES: usize = 96;
const LANE_STRIDE: usize = 256;
const EXACT: u32 = 1;
const JOINED: u32 = 2;
/// Buffers of an item that was not drawn for this many drawn items are given back.
const KEEP: u64 = 240;

/// Prepares the GPU for traces and tells `ctx` that it is ready. Call it once when the window is created; expects
/// the render pass that eframe makes by default: one sample a pixel, no depth buffer.
pub fn install(ctx: &Context, render_state: &RenderState) {
    let pipelines = Pipelines::new(&render_state.device, render_state.target_format);
    render_state.renderer.write().callback_resources.insert(pipelines);
    ctx.data_mut(|d| d.insert_temp(marker(), true));
}

/// Whether [`install`] was called for this context.
pub(super) fn is_installed(ctx: &Context) -> bool {
    ctx.data(|d| d.get_temp(marker()).unwrap_or(false))
}

fn marker() -> Id {
    Id::unique("longwave traces on the GPU")
}

/// The shape that paints `picture` of `packed`. `id` tells items apart that are visible at the same time.
pub(super) fn callback(clip: Rect, id: Id, packed: Arc<Packed>, picture: Picture) -> Shape {
    Shape::Callback(Callback::new_paint_callback(clip, Traces { id, packed, picture }))
}

struct Traces {
    id: Id,
    packed: Arc<Packed>,
    picture: Picture,
}

/// What lives on the GPU for as long as the window does.
struct Pipelines {
    layout: wgpu::BindGroupLayout,
    bars: wgpu::RenderPipeline,
    lines: wgpu::RenderPipeline,
    dots: wgpu::RenderPipeline,
    items: HashMap<Id, Item>,
    clock: u64,
}

/// The buffers of one item.
struct Item {
    /// That of the [`Packed`] which is in the buffers.
    generation: u64,
    marks: wgpu::Buffer,
    values: wgpu::Buffer,
    lanes: wgpu::Buffer,
    bind_group: wgpu::BindGroup,
    used: u64,
}

impl Pipelines {
    fn new(device: &wgpu::Device, target: wgpu::TextureFormat) -> Self {
        let shader = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("traces"),
            source: wgpu::ShaderSource::Wgsl(include_str!("shader.wgsl").into()),
        });
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("traces"),
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::VERTEX,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: true,
                    min_binding_size: std::num::NonZeroU64::new(LANE_BYTES as u64),
                },
                count: None,
            }],
        });
        let linear = target.is_srgb();
        let bar = if linear { "fs_bar_linear" } else { "fs_bar" };
        let line = if linear { "fs_line_linear" } else { "fs_line" };
        Self {
            bars: pipeline(device, &shader, &layout, target, ["vs_bar", bar]),
            lines: pipeline(device, &shader, &layout, target, ["vs_line", line]),
            dots: pipeline(device, &shader, &layout, target, ["vs_dot", line]),
            layout,
            items: HashMap::new(),
            clock: 0,
        }
    }
}

fn pipeline(
    device: &wgpu::Device,
    shader: &wgpu::ShaderModule,
    layout: &wgpu::BindGroupLayout,
    target: wgpu::TextureFormat,
    [vertex, fragment]: [&str; 2],
) -> wgpu::RenderPipeline {
    let mark = wgpu::vertex_attr_array![0 => Float32x2, 1 => Uint32];
    let next_mark = wgpu::vertex_attr_array![2 => Float32x2, 3 => Uint32];
    let before = wgpu::vertex_attr_array![4 => Float32x2];
    let value = wgpu::vertex_attr_array![5 => Float32x2];
    let after = wgpu::vertex_attr_array![6 => Float32x2];
    let previous_mark = wgpu::vertex_attr_array![7 => Float32x2, 8 => Uint32];
    let slots = [&mark[..], &next_mark[..], &before[..], &value[..], &after[..], &previous_mark[..]];
    let buffers = slots.map(|attributes| {
        Some(wgpu::VertexBufferLayout {
            array_stride: if attributes.len() == 2 { MARK_BYTES } else { VALUE_BYTES } as u64,
            step_mode: wgpu::VertexStepMode::Instance,
            attributes,
        })
    });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("traces"),
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("traces"),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module: shader,
            entry_point: Some(vertex),
            buffers: &buffers,
            compilation_options: wgpu::PipelineCompilationOptions::default(),
        },
        primitive: wgpu::PrimitiveState {
            topology: wgpu::PrimitiveTopology::TriangleStrip,
            ..wgpu::PrimitiveState::default()
        },
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: shader,
            entry_point: Some(fragment),
            targets: &[Some(wgpu::ColorTargetState {
                format: target,
                // Premultiplied, as egui blends its own meshes.
                blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
            compilation_options: wgpu::PipelineCompilationOptions::default(),
        }),
        multiview_mask: None,
        cache: None,
    })
}

impl Item {
    fn new(device: &wgpu::Device, layout: &wgpu::BindGroupLayout, sizes: [usize; 3]) -> Self {
        let [marks, values, lanes] = sizes;
        let buffer = |size: usize, usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("traces"),
                // Room to grow, so that a window being resized does not make new buffers with every answer.
                size: (size + size / 4).next_multiple_of(256) as u64,
                usage: usage | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        let lanes = buffer(lanes, wgpu::BufferUsages::UNIFORM);
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("traces"),
            layout,
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &lanes,
                    offset: 0,
                    size: std::num::NonZeroU64::new(LANE_BYTES as u64),
                }),
            }],
        });
        Self {
            generation: 0,
            marks: buffer(marks, wgpu::BufferUsages::VERTEX),
            values: buffer(values, wgpu::BufferUsages::VERTEX),
            lanes,
            bind_group,
            used: 0,
        }
    }

    fn has_room(&self, [marks, values, lanes]: [usize; 3]) -> bool {
        let fits = |buffer: &wgpu::Buffer, size: usize| {
            // Also not one that is far too large: it would keep the memory of a picture long gone.
            size as u64 <= buffer.size() && buffer.size() <= (8 * size as u64).max(1 << 20)
        };
        fits(&self.marks, marks) && fits(&self.values, values) && fits(&self.lanes, lanes)
    }
}

impl CallbackTrait for Traces {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let Some(pipelines) = resources.get_mut::<Pipelines>() else { return Vec::new() };
        pipelines.clock += 1;
        let now = pipelines.clock;
        pipelines.items.retain(|_, item| item.used + KEEP > now);

        let packed = &self.packed;
        let sizes = [
            (packed.len() + 2) * MARK_BYTES,
            packed.value_bytes().len(),
            self.picture.lanes.len().max(1) * LANE_STRIDE,
        ];
        if sizes[1] as u64 > device.limits().max_buffer_size {
            return Vec::new();
        }
        if !pipelines.items.get(&self.id).is_some_and(|item| item.has_room(sizes)) {
            pipelines.items.insert(self.id, Item::new(device, &pipelines.layout, sizes));
        }
        let Some(item) = pipelines.items.get_mut(&self.id) else { return Vec::new() };
        item.used = now;
        if item.generation != packed.generation() {
            item.generation = packed.generation();
            queue.write_buffer(&item.marks, 0, &mark_bytes(packed));
            queue.write_buffer(&item.values, 0, packed.value_bytes());
        }
        queue.write_buffer(&item.lanes, 0, &lane_bytes(&self.picture, screen.size_in_pixels));
        Vec::new()
    }

    fn paint(&self, info: PaintCallbackInfo, pass: &mut wgpu::RenderPass<'static>, resources: &CallbackResources) {
        let Some(pipelines) = resources.get::<Pipelines>() else { return };
        let Some(item) = pipelines.items.get(&self.id).filter(|i| i.generation == self.packed.generation()) else {
            return;
        };
        // Positions are pixels of the whole screen: the viewport that egui sets for the callback's own rectangle is
        // rounded to pixels, which shifts and stretches the picture at fractional scale factors.
        let [width, height] = info.screen_size_px;
        pass.set_viewport(0.0, 0.0, width as f32, height as f32, 0.0, 1.0);
        let columns = &self.picture.columns;
        let marks_from = |column: usize| item.marks.slice((column * MARK_BYTES) as u64..);
        pass.set_vertex_buffer(0, marks_from(columns.start + 1));
        pass.set_vertex_buffer(1, marks_from(columns.start + 2));
        pass.set_vertex_buffer(5, marks_from(columns.start));
        let passes: &[&wgpu::RenderPipeline] = match self.picture.style {
            Style::Columns => &[&pipelines.bars],
            Style::Lines => &[&pipelines.lines],
            Style::Dots { .. } => &[&pipelines.lines, &pipelines.dots],
        };
        for pipeline in passes {
            pass.set_pipeline(pipeline);
            for (i, lane) in self.picture.lanes.iter().enumerate() {
                let value = self.packed.value_at(lane.values, columns.start) as u64;
                pass.set_bind_group(0, &item.bind_group, &[(i * LANE_STRIDE) as u32]);
                pass.set_vertex_buffer(2, item.values.slice(value - VALUE_BYTES as u64..));
                pass.set_vertex_buffer(3, item.values.slice(value..));
                pass.set_vertex_buffer(4, item.values.slice(value + VALUE_BYTES as u64..));
                pass.draw(0..4, 0..columns.len() as u32);
            }
        }
    }
}

/// The places of all columns, between two that join nothing.
fn mark_bytes(packed: &Packed) -> Vec<u8> {
    let mut bytes = vec![0; (packed.len() + 2) * MARK_BYTES];
    for (slot, mark) in bytes[MARK_BYTES..].chunks_exact_mut(MARK_BYTES).zip(packed.marks()) {
        let flags = (u32::from(mark.exact) * EXACT) | (u32::from(mark.joined) * JOINED);
        slot[..4].copy_from_slice(&mark.start.to_ne_bytes());
        slot[4..8].copy_from_slice(&mark.end.to_ne_bytes());
        slot[8..].copy_from_slice(&flags.to_ne_bytes());
    }
    bytes
}

fn lane_bytes(picture: &Picture, screen: [u32; 2]) -> Vec<u8> {
    let mut bytes = vec![0; picture.lanes.len() * LANE_STRIDE];
    for (slot, lane) in bytes.chunks_exact_mut(LANE_STRIDE).zip(&picture.lanes) {
        for (word, number) in slot.chunks_exact_mut(4).zip(uniforms(picture, lane, screen)) {
            word.copy_from_slice(&number.to_ne_bytes());
        }
    }
    bytes
}

/// As `Lane` in the shader.
fn uniforms(picture: &Picture, lane: &PixelLane, screen: [u32; 2]) -> [f32; LANE_BYTES / 4] {
    let radius = if let Style::Dots { radius } = picture.style { radius } else { 0.0 };
    let color = |c: Color32| c.to_array().map(|v| f32::from(v) / 255.0);
    let ([r, g, b, a], [er, eg, eb, ea]) = (color(lane.exact), color(lane.estimate));
    let [mr, mg, mb, ma] = color(picture.mark);
    let [top, bottom] = lane.cut;
    let mark = picture.mark_height;
    let (width, height) = (screen[0] as f32, screen[1] as f32);
    let place = [picture.x_scale, picture.x_offset, lane.y_scale, lane.y_offset];
    let [xs, xo, ys, yo] = place;
    let half = picture.half_line;
    #[rustfmt::skip]
    let words = [
        width, height, xs, xo, ys, yo, half, radius, r, g, b, a, er, eg, eb, ea, mr, mg, mb, ma, top, bottom, mark, 0.0,
    ];
    words
}
