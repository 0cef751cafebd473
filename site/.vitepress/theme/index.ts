import { defineAsyncComponent } from 'vue';
import DefaultTheme from 'vitepress/theme';
import './style.css';

export default {
  extends: DefaultTheme,
  enhanceApp({ app }: { app: { component(name: string, given: unknown): void } }): void {
    app.component('PlaygroundPage', defineAsyncComponent(() => import('./playground/Playground.vue')));
  },
};
