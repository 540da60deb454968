package openj9.internal.criu;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import openj9.internal.criu.InternalCRIUSupport.HookMode;

/**
 * The registered hooks. Before a checkpoint those of higher priority run last, after a restore
 * first; those that run beside other threads before those that run alone, and after a restore the
 * other way about.
 */
final class CheckpointHooks {
  private static final class Hook {
    final HookMode mode;
    final int priority;
    final Runnable run;

    Hook(HookMode mode, int priority, Runnable run) {
      this.mode = mode;
      this.priority = priority;
      this.run = run;
    }

    int priority() {
      return priority;
    }
  }

  private static final List<Hook> preCheckpoint = new ArrayList<>();
  private static final List<Hook> postRestore = new ArrayList<>();

  private CheckpointHooks() {}

  static synchronized void addPreCheckpoint(HookMode mode, int priority, Runnable run) {
    preCheckpoint.add(new Hook(mode, priority, run));
  }

  static synchronized void addPostRestore(HookMode mode, int priority, Runnable run) {
    postRestore.add(new Hook(mode, priority, run));
  }

  static void runPreCheckpointConcurrently() {
    run(preCheckpoint, HookMode.CONCURRENT_MODE, Comparator.comparingInt(Hook::priority));
  }

  static void runPostRestoreConcurrently() {
    run(
        postRestore,
        HookMode.CONCURRENT_MODE,
        Collections.reverseOrder(Comparator.comparingInt(Hook::priority)));
  }

  /** Called by the native method. */
  static void runPreCheckpointAlone() {
    run(preCheckpoint, HookMode.SINGLE_THREAD_MODE, Comparator.comparingInt(Hook::priority));
  }

  /** Called by the native method. */
  static void runPostRestoreAlone() {
    run(
        postRestore,
        HookMode.SINGLE_THREAD_MODE,
        Collections.reverseOrder(Comparator.comparingInt(Hook::priority)));
  }

  private static void run(List<Hook> hooks, HookMode mode, Comparator<Hook> order) {
    List<Hook> inOrder = new ArrayList<>();
    synchronized (CheckpointHooks.class) {
      for (Hook hook : hooks) {
        if (hook.mode == mode) {
          inOrder.add(hook);
        }
      }
    }
    inOrder.sort(order);
    for (Hook hook : inOrder) {
      hook.run.run();
    }
  }
}
