// What the compiler is not told elsewhere: d3-flame-graph has no types of its own (this is the part
// that flame.ts uses), and style sheets are the bundler's.
declare module '*.css';

declare module 'd3-flame-graph' {
  import type { Selection } from 'd3-selection';

  export interface FlameNode<T> {
    data: T;
    depth: number;
    parent: FlameNode<T> | null;
    children?: FlameNode<T>[];
  }

  export interface FlameGraph<T> {
    // As d3 calls it, with any selection.
    (selection: Selection<any, any, any, any>): void;
    width(pixels: number): this;
    cellHeight(pixels: number): this;
    inverted(value: boolean): this;
    minFrameSize(pixels: number): this;
    transitionDuration(milliseconds: number): this;
    resetHeightOnZoom(value: boolean): this;
    getName(name: (node: FlameNode<T>) => string): this;
    label(label: (node: FlameNode<T>) => string): this;
    setColorMapper(color: (node: FlameNode<T>, original: string) => string): this;
    setDetailsHandler(handler: (text: string | null) => void): this;
    onHover(handler: (node: FlameNode<T>) => void): this;
    onClick(handler: (node: FlameNode<T>) => void): this;
    zoomTo(node: FlameNode<T>): void;
    resetZoom(): void;
  }

  export default function flamegraph<T>(): FlameGraph<T>;
}
