package org.fdorigin.harness;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A test of the agent: skipped where no native build was named by {@code -Dfdorigin.build}, failed
 * where one was named and has no agent in it.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(RequiresAgent.Condition.class)
public @interface RequiresAgent {

  /** Decides by the system properties alone, so that a broken build cannot pass as a skip. */
  final class Condition implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      return Build.named()
          ? ConditionEvaluationResult.enabled("named")
          : ConditionEvaluationResult.disabled(
              "no agent: name the native build with -Dfdorigin.build=FOLDER");
    }
  }
}
